"""What a service is told by its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True)
class PoolSettings:
    """Bounds of a database pool."""

    maximum: int = 5
    minimum_idle: int = 1
    connection_timeout: timedelta = timedelta(seconds=3)
    idle_timeout: timedelta = timedelta(minutes=10)
    max_lifetime: timedelta = timedelta(minutes=30)


@dataclass(frozen=True)
class Settings:
    """One service's port, worker count, and the way to what it needs."""

    role: str
    port: int
    workers: int
    database: str
    redis_host: str
    redis_password: str
    jwt_secret: str
    session_ttl: timedelta
    hash_rounds: int
    log_level: str
    metrics_dir: Path | None
    draining_file: Path

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """The settings of this process; KeyError names the first variable that is missing."""
        return cls(
            role=env["ROLE"],
            port=int(env.get("PORT", "8000")),
            workers=int(env.get("WORKERS", "1")),
            database=_conninfo(env),
            redis_host=env.get("REDIS_HOST", "redis.data-services"),
            redis_password=env.get("REDIS_PASSWORD", ""),
            jwt_secret=env.get("JWT_SECRET", ""),
            session_ttl=timedelta(seconds=int(env.get("SESSION_TTL_SECONDS", "900"))),
            hash_rounds=int(env.get("PASSWORD_HASH_ROUNDS", "2000")),
            log_level=env.get("LOG_LEVEL", "INFO"),
            metrics_dir=Path(env["PROMETHEUS_MULTIPROC_DIR"]) if "PROMETHEUS_MULTIPROC_DIR" in env else None,
            draining_file=Path(env.get("DRAINING_FILE", "/tmp/draining")),
        )


def _conninfo(env: Mapping[str, str]) -> str:
    parts = {
        "host": env.get("DATABASE_HOST", "postgresql.data-services"),
        "port": env.get("DATABASE_PORT", "5432"),
        "dbname": env.get("DATABASE_NAME", "aic_aipaas"),
        "user": env.get("DATABASE_USER", "aic_app"),
        "password": env.get("DATABASE_PASSWORD", ""),
        "connect_timeout": "2",
        "application_name": env["ROLE"],
    }
    return " ".join(f"{key}={_quoted(value)}" for key, value in parts.items() if value)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
