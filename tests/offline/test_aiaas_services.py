"""What the services of aiaas decide by themselves."""

import app_sources  # noqa: F401 # makes `services` importable
import pytest
from services.aiaas.compatibility import breaks, fault_of

EVENT = {"type": "object", "required": ["event"], "properties": {"event": {"type": "string"}}}


@pytest.mark.parametrize(
    ("new", "said"),
    [
        pytest.param(EVENT, [], id="the same"),
        pytest.param(EVENT | {"properties": {**EVENT["properties"], "at": {}}}, [], id="a field more"),
        pytest.param(EVENT | {"required": []}, [], id="a field less that must be there"),
        pytest.param(
            EVENT | {"required": ["event", "at"]}, ["at is needed now"], id="a field more that must"
        ),
        pytest.param(
            EVENT | {"properties": {"event": {"type": "integer"}}},
            ["event is integer instead of string"],
            id="another type",
        ),
        pytest.param(
            EVENT | {"properties": {}, "additionalProperties": False},
            ["event is no longer known"],
            id="a field that is unknown now",
        ),
        pytest.param(
            EVENT | {"properties": {"event": {"type": "string", "enum": ["a"]}}},
            ["event allows fewer values"],
            id="fewer values than any",
        ),
    ],
)
def test_a_schema_is_told_by_what_it_breaks(new: dict[str, object], said: list[str]) -> None:
    assert list(breaks(EVENT, new)) == said


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param([], id="a list"),
        pytest.param({"type": "strange"}, id="no such type"),
        pytest.param({"type": "string"}, id="a schema of a text"),
    ],
)
def test_what_is_no_schema_of_an_object_has_a_fault(schema: object) -> None:
    assert fault_of(schema)


def test_a_schema_of_an_object_has_none() -> None:
    assert fault_of(EVENT) is None
