"""What a run is measured with and on."""

import sys
from collections.abc import Callable
from functools import partial

import rundrill
from rundrill.errors import RundrillError
from rundrill.session import Session


def versions(session: Session) -> dict[str, str]:
    """What is measured with and on, as far as it tells."""
    found = {"rundrill": rundrill.__version__, "python": sys.version.split()[0]}
    questions: dict[str, Callable[[], object]] = {
        "kubernetes": lambda: session.kube.get("/version")["gitVersion"]
    }
    for slug in session.target.entry.platforms:
        questions |= {
            "prometheus": partial(_prometheus, session, slug),
            "alertmanager": partial(_alertmanager, session, slug),
            "postgres": partial(_postgres, session, slug),
        }
    for name, ask in questions.items():
        try:
            found[name] = str(ask())
        except RundrillError:
            found[name] = "no answer"
    return found


def _prometheus(session: Session, slug: str) -> object:
    return session.prometheus(slug).build()


def _alertmanager(session: Session, slug: str) -> object:
    return session.alertmanager(slug).version()


def _postgres(session: Session, slug: str) -> object:
    return session.postgres(slug).rows("SHOW server_version")[0]["server_version"]
