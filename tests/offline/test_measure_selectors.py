"""Label selectors and NetworkPolicies mean here what they mean to Kubernetes."""

from typing import Any

import pytest

from rundrill.labels import picks, selects
from rundrill.netpolicy import End, allows

LABELS = {"app": "auth", "tier": "web"}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param("app=auth", True, id="the same"),
        pytest.param("app==auth,tier=web", True, id="both"),
        pytest.param("app=auth,tier=db", False, id="one of two is not"),
        pytest.param("tier!=db", True, id="not that one"),
        pytest.param("zone!=a", True, id="a label that is not there is not that one"),
        pytest.param("tier in (web, api)", True, id="one of several"),
        pytest.param("tier notin (web)", False, id="none of several"),
        pytest.param("app", True, id="it is there"),
        pytest.param("!app", False, id="it is not there"),
        pytest.param("!zone,app=auth", True, id="absent and the same"),
        pytest.param("app=", False, id="an empty value"),
        pytest.param("", True, id="nothing is said"),
        pytest.param("app.kubernetes.io/name=x", False, id="a name with a prefix"),
    ],
)
def test_a_selector_picks(selector: str, expected: bool) -> None:
    assert picks(selector, LABELS) is expected


@pytest.mark.parametrize("selector", ["=auth", "app=auth tier=web", "tier in web", "app,,tier"])
def test_what_is_no_selector_is_said(selector: str) -> None:
    with pytest.raises(ValueError, match="no label selector"):
        picks(selector, LABELS)


def test_an_empty_selector_object_picks_all_and_none_picks_nothing() -> None:
    assert selects({}, LABELS)
    assert not selects(None, LABELS)
    assert selects({"matchExpressions": [{"key": "app", "operator": "In", "values": ["auth"]}]}, LABELS)


def end(namespace: str, app: str, **ports: int) -> End:
    containers = [{"name": app, "ports": [{"name": n, "containerPort": p} for n, p in ports.items()]}]
    pod: dict[str, Any] = {
        "metadata": {"namespace": namespace, "labels": {"app": app}},
        "spec": {"containers": containers},
        "status": {"podIP": "10.1.0.7"},
    }
    return End(pod, {"kubernetes.io/metadata.name": namespace})


def policy(namespace: str, app: str | None, **spec: Any) -> dict[str, Any]:
    selector = {"matchLabels": {"app": app}} if app else {}
    return {"metadata": {"namespace": namespace}, "spec": {"podSelector": selector, **spec}}


WEB, DB, OTHER = end("shop", "web"), end("data", "db", sql=5432), end("play", "toy")
DENY = policy("data", None, policyTypes=["Ingress"])
FROM_SHOP = policy(
    "data",
    "db",
    ingress=[
        {
            "from": [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}},
                    "podSelector": {"matchLabels": {"app": "web"}},
                }
            ],
            "ports": [{"port": "sql"}],
        }
    ],
)
NO_WAY_OUT = policy("shop", None, policyTypes=["Egress"])
BY_ADDRESS = policy(
    "data", "db", ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}]
)


@pytest.mark.parametrize(
    ("policies", "source", "port", "expected"),
    [
        pytest.param([], OTHER, 5432, True, id="no policy lets all through"),
        pytest.param([DENY], WEB, 5432, False, id="a policy without rules lets nothing through"),
        pytest.param([DENY, FROM_SHOP], WEB, 5432, True, id="one rule is enough"),
        pytest.param([DENY, FROM_SHOP], OTHER, 5432, False, id="another namespace"),
        pytest.param([DENY, FROM_SHOP], WEB, 6379, False, id="another port than the named one"),
        pytest.param([NO_WAY_OUT], WEB, 5432, False, id="the way out is closed"),
        pytest.param([NO_WAY_OUT], OTHER, 5432, True, id="somebody else's way out"),
        pytest.param([BY_ADDRESS], WEB, 5432, False, id="an address that is left out of a block"),
        pytest.param(
            [policy("shop", None, policyTypes=["Ingress"])], WEB, 5432, True, id="a policy of the other end"
        ),
    ],
)
def test_policies_let_through(policies: list[Any], source: End, port: int, expected: bool) -> None:
    assert allows(policies, source, DB, port) is expected


def test_a_range_of_ports_is_one() -> None:
    ranged = policy("data", "db", ingress=[{"ports": [{"port": 5000, "endPort": 6000}]}])
    assert allows([ranged], WEB, DB, 5432)
    assert not allows([ranged], WEB, DB, 6379)
