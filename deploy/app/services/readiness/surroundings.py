"""What the readiness services are told by their environment, beyond what every service is told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Surroundings:
    """Databases, directories, neighbours and the token of one readiness service."""

    database: str
    read_database: str
    uploads: Path
    logs: Path
    backups: Path
    file_backups: Path
    api_token: str
    canary_password: str
    prometheus: str
    alertmanager: str
    gateway: str
    name: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Surroundings:
        """The surroundings of this process; KeyError names the first variable that is missing."""
        role = env["ROLE"]
        return cls(
            database=_named(env["DATABASE_URL"], role, patience=10),
            read_database=_named(env.get("READ_DATABASE_URL", env["DATABASE_URL"]), role, patience=2),
            uploads=Path(env.get("UPLOADS", "/app/uploads")),
            logs=Path(env.get("LOG_DIRECTORY", "/var/log")),
            backups=Path(env.get("BACKUP_DIR", "/backups")),
            file_backups=Path(env.get("FILE_BACKUP_DIR", "/backups/files")),
            api_token=env.get("API_TOKEN", ""),
            canary_password=env.get("CANARY_PASSWORD", ""),
            prometheus=env.get("PROMETHEUS_URL", ""),
            alertmanager=env.get("ALERTMANAGER_URL", ""),
            gateway=env.get("GATEWAY_URL", ""),
            name=env.get("HOSTNAME", role),
        )


def _named(url: str, role: str, patience: int) -> str:
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}application_name={role}&connect_timeout={patience}"
