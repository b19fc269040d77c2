"""Part of an answer is no answer: what a store could not give may be where the failures are."""

import pytest

from rundrill.errors import NoEvidence
from rundrill.gateway.prometheus import _samples


def body(**more: list[str]) -> dict[str, object]:
    return {"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "7"]}]}, **more}


def test_an_answer_with_a_remark_of_the_language_is_whole() -> None:
    found = _samples(body(infos=["PromQL info: a"], warnings=["PromQL warning: b"]))
    assert ([one.value for one in found.series], found.warnings) == (
        [7.0],
        ("PromQL warning: b", "PromQL info: a"),
    )


def test_an_answer_that_a_store_could_not_complete_is_no_evidence() -> None:
    with pytest.raises(NoEvidence, match="in part: remote storage is away"):
        _samples(body(warnings=["PromQL info: a", "remote storage is away"]))
