"""What a run is measured with and on."""

import sys
from collections.abc import Callable, Iterable

import rundrill
from rundrill.errors import RundrillError
from rundrill.session import Session

SILENT = "no answer"


def versions(session: Session) -> dict[str, str]:
    """What is measured with and on, as far as it tells; where platforms differ, each version once."""
    servers: dict[str, Callable[[str], object]] = {
        "prometheus": lambda slug: session.prometheus(slug).build(),
        "alertmanager": lambda slug: session.alertmanager(slug).version(),
        "postgres": lambda slug: session.postgres(slug).rows("SHOW server_version")[0]["server_version"],
    }
    platforms = session.target.entry.platforms
    return {
        "rundrill": rundrill.__version__,
        "python": sys.version.split()[0],
        "kubernetes": _told(lambda _: session.kube.get("/version")["gitVersion"], [""]),
        **{name: _told(ask, platforms) for name, ask in servers.items()},
    }


def _told(ask: Callable[[str], object], slugs: Iterable[str]) -> str:
    answers = dict.fromkeys(answer for slug in slugs if (answer := _answer(ask, slug)))
    return ", ".join(answers) or SILENT


def _answer(ask: Callable[[str], object], slug: str) -> str | None:
    try:
        return str(ask(slug))
    except RundrillError:
        return None
