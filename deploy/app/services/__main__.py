"""`python -m services`: become the service that ROLE names."""

from __future__ import annotations

import importlib
import sys

from services.logs import log_to_stdout
from services.settings import Settings

MODULES = {
    "auth-service": "auth",
    "app-management-service": "applications",
    "training-service": "training",
    "inference-service": "inference",
    "synthetic-data-service": "synthetic",
    "catalog-service": "catalog",
    "schema-service": "schema",
    "canary": "canary",
    "witness": "witness",
    "kube-state": "kube_state",
}


def main() -> None:
    """Run the service until it is told to stop."""
    settings = Settings.from_environment()
    log_to_stdout(settings.role, settings.log_level)
    if settings.role == "postgresql-backup":
        importlib.import_module("services.backup").run(settings)
        return
    if settings.role not in MODULES:
        sys.exit(f"ROLE: {settings.role!r} is none of {', '.join(sorted(MODULES))}, postgresql-backup")
    from services.serve import serve

    serve(settings, importlib.import_module(f"services.{MODULES[settings.role]}").application)


if __name__ == "__main__":
    main()
