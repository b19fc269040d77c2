"""A change of an object is undone by its own former words."""

from pathlib import Path
from typing import Any

import rundrill.faults
from rundrill import ledger
from rundrill.faults.change import bare, inverse


def merged(there: Any, patch: Any) -> Any:
    """RFC 7386, as the API server does it."""
    if not isinstance(patch, dict):
        return patch
    found = dict(there) if isinstance(there, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


BEFORE: dict[str, Any] = {
    "spec": {"replicas": 3, "template": {"image": "a:1", "args": ["x", "y"]}},
    "data": {"LOG_LEVEL": "INFO"},
}


def test_a_patch_and_its_inverse_leave_everything_as_it_was() -> None:
    for patch in (
        {"spec": {"replicas": 0}},
        {"spec": {"template": {"image": "a:broken"}}},
        {"spec": {"template": {"args": ["z"]}}},
        {"data": {"LOG_LEVEL": None}},
        {"data": {"NEW": "1", "LOG_LEVEL": "DEBUG"}},
        {"metadata": {"labels": {"x": "y"}}},
    ):
        after = merged(BEFORE, patch)
        assert after != BEFORE
        back = merged(after, inverse(BEFORE, patch))
        assert {key: value for key, value in back.items() if value} == BEFORE


def test_an_object_that_is_made_again_claims_nothing_that_the_server_gives() -> None:
    live = {
        "kind": "Service",
        "metadata": {"name": "a", "uid": "1", "resourceVersion": "2"},
        "spec": {"clusterIP": "198.19.0.1", "ports": []},
        "status": {},
    }
    assert bare(live) == {"kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": []}}


def test_the_ledger_knows_every_fault_that_can_be_undone() -> None:
    folder = Path(rundrill.faults.__path__[0])
    undoing = {file.stem for file in folder.glob("*.py") if "def undo(session" in file.read_text()}
    assert undoing == set(ledger.FAULTS)
