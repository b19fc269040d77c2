"""What is taken down of a platform before a drill destroys it: it stays in the drill's directory."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rundrill import child, hops
from rundrill.errors import NoEvidence
from rundrill.faults.selected import running

FOLDER = "keepsakes"


def take_logs(
    namespace: str, selector: str, configuration: Mapping[str, Any], lines: int = 2000
) -> list[str]:
    """The files with the newest lines of each running pod; NoEvidence where a pod has none."""
    session = child.session()
    space = session.namespace(str(configuration["runbook"]), namespace)
    folder = child.directory() / FOLDER
    folder.mkdir(exist_ok=True)
    taken = []
    for pod in running(session, space, selector):
        name = str(pod["metadata"]["name"])
        said = session.kube.logs(space, name, tail=lines)
        if not said.strip():
            raise NoEvidence(f"{space}/{name} has written nothing that could be taken down")
        (folder / f"{name}.log").write_text(said, encoding="utf-8")
        taken.append(f"{FOLDER}/{name}.log")
    if not taken:
        raise NoEvidence(f"no pod of {selector} runs in {space}: nothing could be taken down")
    hops.note(child.directory(), "taken_down", datetime.now(UTC), "kubernetes", ", ".join(taken))
    return taken
