"""The way of an alert through Alertmanager's tree, as Alertmanager itself walks it."""

from datetime import timedelta
from typing import Any

import pytest

from rundrill.routing import route_of

HOOK = {"webhook_configs": [{"url": "http://witness"}]}
RECEIVERS = [{"name": name, **HOOK} for name in ("nobody", "pager", "slack", "mail")]


def tree(*routes: dict[str, Any], **root: Any) -> dict[str, Any]:
    return {"route": {"receiver": "nobody", **root, "routes": list(routes)}, "receivers": RECEIVERS}


def to(receiver: str, *matchers: str, **more: Any) -> dict[str, Any]:
    return {"receiver": receiver, "matchers": list(matchers), **more}


CRITICAL = 'severity="critical"'


@pytest.mark.parametrize(
    ("configuration", "labels", "receivers"),
    [
        pytest.param(tree(), {}, ("nobody",), id="the root takes what nobody else does"),
        pytest.param(
            tree(to("pager", CRITICAL)), {"severity": "critical"}, ("pager",), id="one child matches"
        ),
        pytest.param(tree(to("pager", CRITICAL)), {"severity": "info"}, ("nobody",), id="no child matches"),
        pytest.param(
            tree(to("pager", CRITICAL), to("slack", CRITICAL)),
            {"severity": "critical"},
            ("pager",),
            id="the first match ends the search",
        ),
        pytest.param(
            tree(to("pager", CRITICAL, **{"continue": True}), to("slack", CRITICAL)),
            {"severity": "critical"},
            ("pager", "slack"),
            id="continue goes on",
        ),
        pytest.param(
            tree(to("pager", CRITICAL, routes=[to("mail", 'team=~"a|b"')])),
            {"severity": "critical", "team": "b"},
            ("mail",),
            id="a grandchild takes it from its parent",
        ),
        pytest.param(
            tree(to("pager", CRITICAL, routes=[to("mail", 'team=~"a|b"')])),
            {"severity": "critical", "team": "ab"},
            ("pager",),
            id="a regular expression matches the whole value",
        ),
        pytest.param(tree(to("slack", "job!~x.*")), {"job": "y"}, ("slack",), id="not like, and no quotes"),
        pytest.param(tree(to("slack", 'job=""')), {}, ("slack",), id="a label that is not there is empty"),
        pytest.param(
            tree(to("slack", 'a="1",b="2"')), {"a": "1", "b": "3"}, ("nobody",), id="two matchers in one line"
        ),
        pytest.param(
            tree({"receiver": "mail", "match": {"a": "1"}, "match_re": {"b": "x+"}}),
            {"a": "1", "b": "xx"},
            ("mail",),
            id="the old spelling",
        ),
    ],
)
def test_an_alert_finds_its_receivers(
    configuration: dict[str, Any], labels: dict[str, str], receivers: tuple[str, ...]
) -> None:
    seen = route_of(configuration, labels)
    assert seen is not None
    assert seen.receivers == receivers


def test_waits_are_inherited_and_the_longest_counts() -> None:
    seen = route_of(
        tree(
            to("pager", CRITICAL, group_wait="1s", **{"continue": True}),
            to("slack", CRITICAL),
            group_wait="10s",
            group_interval="1m30s",
        ),
        {"severity": "critical"},
    )
    assert seen is not None
    assert (seen.group_wait, seen.group_interval) == (timedelta(seconds=10), timedelta(seconds=90))


def test_without_a_word_waits_are_those_of_alertmanager() -> None:
    seen = route_of(tree(), {})
    assert seen is not None
    assert (seen.group_wait, seen.group_interval) == (timedelta(seconds=30), timedelta(minutes=5))


@pytest.mark.parametrize(
    ("receiver", "told"),
    [
        pytest.param({"webhook_configs": [{}]}, True, id="webhooks are told by default"),
        pytest.param({"email_configs": [{}]}, False, id="mail is not"),
        pytest.param({"email_configs": [{"send_resolved": True}]}, True, id="mail is when it says so"),
        pytest.param({"webhook_configs": [{"send_resolved": False}]}, False, id="webhooks can be silenced"),
        pytest.param({}, False, id="a receiver without any integration tells nobody"),
    ],
)
def test_an_end_is_told_where_the_receiver_says_so(receiver: dict[str, Any], told: bool) -> None:
    configuration = {"route": {"receiver": "one"}, "receivers": [{"name": "one", **receiver}]}
    seen = route_of(configuration, {})
    assert seen is not None
    assert seen.send_resolved is told


def test_no_routes_lead_nowhere() -> None:
    assert route_of({}, {}) is None


def test_a_matcher_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a matcher"):
        route_of(tree(to("pager", "severity critical")), {"severity": "critical"})
