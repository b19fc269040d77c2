"""The services of the platform ai-data-readiness, by role."""

ROLES: dict[str, str] = {
    "readiness-app": "services.readiness.app",
    "readiness-worker": "services.readiness.worker",
    "readiness-dashboard": "services.readiness.dashboard",
    "readiness-upkeep": "services.readiness.upkeep",
    "readiness-canary": "services.readiness.canary",
    "readiness-uploads-seed": "services.readiness.uploads",
    "readiness-database-backup": "services.readiness.database_backup",
    "readiness-file-backup": "services.readiness.file_backup",
    "readiness-restore-test": "services.readiness.restore_test",
}
