"""A container that is told otherwise keeps what nobody spoke of."""

from rundrill.faults.container import merged

LIMITS = {"requests": {"cpu": "10m"}, "limits": {"cpu": "1", "memory": "192Mi"}}


def test_a_limit_changes_and_the_others_stay() -> None:
    told = merged({"image": "a", "resources": LIMITS}, {"resources": {"limits": {"memory": "20Mi"}}})
    assert told["image"] == "a"
    assert told["resources"]["limits"] == {"cpu": "1", "memory": "20Mi"}
    assert told["resources"]["requests"] == {"cpu": "10m"}


def test_a_variable_is_replaced_by_its_name() -> None:
    there = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert merged(there, [{"name": "B", "value": "3"}]) == [there[0], {"name": "B", "value": "3"}]


def test_a_variable_that_gets_a_value_loses_its_source() -> None:
    there = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    assert merged(there, [{"name": "A", "value": "1"}]) == [{"name": "A", "value": "1"}]


def test_a_list_without_names_is_said_anew() -> None:
    assert merged(["a", "b"], ["c"]) == ["c"]
