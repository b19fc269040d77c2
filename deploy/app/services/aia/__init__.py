"""The services of platform aia: its API, the canary, the export of its configuration, and its secrets' keepers."""

ROLES: dict[str, str] = {
    "aia-api": "api",
    "aia-canary": "canary",
    "aia-config-export": "export",
    "aia-secret-manager": "secret_manager",
    "aia-external-secrets": "external_secrets",
}
