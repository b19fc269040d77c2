"""`python -m services`: become the service that ROLE names."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from services.logs import log_to_stdout
from services.settings import Settings

SHARED = {
    "witness": "services.witness",
    "kube-state": "services.kube_state",
    "postgresql-backup": "services.backup",
}


def roles() -> dict[str, str]:
    """Every role that this image can play, and the module that plays it; packages say theirs in `ROLES`."""
    found = dict(SHARED)
    for package in sorted(Path(__file__).parent.glob("*/__init__.py")):
        name = f"services.{package.parent.name}"
        own: dict[str, str] = importlib.import_module(name).ROLES
        found |= {role: f"{name}.{module.removeprefix(f'{name}.')}" for role, module in own.items()}
    return found


def main() -> None:
    """Run the service until it is told to stop."""
    settings = Settings.from_environment()
    log_to_stdout(settings.role, settings.log_level)
    known = roles()
    if settings.role not in known:
        sys.exit(f"ROLE: {settings.role!r} is none of {', '.join(sorted(known))}")
    module = importlib.import_module(known[settings.role])
    if hasattr(module, "run"):
        module.run(settings)
        return
    from services.serve import serve

    serve(settings, module.application)


if __name__ == "__main__":
    main()
