"""What is kept as evidence, and what is never written down."""

from rundrill.asking import HIDDEN, discreet


def test_a_variable_that_sounds_secret_keeps_its_name_and_loses_its_value() -> None:
    seen = discreet({"env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "PORT", "value": "8000"}]})
    assert seen == {"env": [{"name": "DB_PASSWORD", "value": HIDDEN}, {"name": "PORT", "value": "8000"}]}


def test_what_only_the_api_server_needs_is_left_out() -> None:
    seen = discreet({"metadata": {"name": "a", "managedFields": [{"manager": "kubectl"}]}})
    assert seen == {"metadata": {"name": "a"}}
