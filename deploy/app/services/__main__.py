"""`python -m services`: become the service that ROLE names."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import services
from services.logs import log_to_stdout
from services.settings import Settings

SHARED = {
    "kube-state": "services.kube_state",
    "postgresql-backup": "services.backup",
    "witness": "services.witness",
}


def roles() -> dict[str, str]:
    """Every role that this image can play, and its module: the shared ones, and those of the platform's package."""
    found = dict(SHARED)
    for package in pkgutil.iter_modules(services.__path__):
        if package.ispkg:
            name = f"services.{package.name}"
            own: dict[str, str] = getattr(importlib.import_module(name), "ROLES", {})
            found |= {role: _within(name, module) for role, module in own.items()}
    return found


def _within(package: str, module: str) -> str:
    return module if module.startswith("services.") else f"{package}.{module}"


def main() -> None:
    """Run the service until it is told to stop: `application(settings)` is served, `run(settings)` is called."""
    settings = Settings.from_environment()
    log_to_stdout(settings.role, settings.log_level)
    known = roles()
    if settings.role not in known:
        sys.exit(f"ROLE: {settings.role!r} is none of {', '.join(sorted(known))}")
    module = importlib.import_module(known[settings.role])
    if not hasattr(module, "application"):
        module.run(settings)
        return
    from services.serve import serve

    serve(settings, module.application)


if __name__ == "__main__":
    main()
