"""What Prometheus and Alertmanager are given is what the policy says, in the profile's time."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from rundrill import promql
from rundrill.errors import PolicyError
from rundrill.generate import alertmanager_config, prometheus_config, prometheus_rules
from rundrill.policy import Policy, load_policy
from rundrill.profile import Profile
from rundrill.routing import route_of
from rundrill.units import duration

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parents[1] / "policies" / "golden"
REAL = Profile()
TENFOLD = Profile(accelerated=10)


@pytest.fixture(scope="module")
def shop() -> Policy:
    return load_policy(Path(__file__).parents[1] / "policies" / "good" / "slo.yaml")


@pytest.fixture(scope="module")
def platform() -> Policy:
    return load_policy(ROOT / "slo.yaml")


def scrapes(shop: Policy, profile: Profile) -> str:
    return prometheus_config(shop.platform("shop").alertmanager, profile, ("shop", "stock"), "monitoring")


def rule_of(policy: Policy, slug: str, profile: Profile, name: str) -> dict[str, object]:
    rules = yaml.safe_load(prometheus_rules(policy, slug, profile))["groups"][0]["rules"]
    return next(rule for rule in rules if rule["alert"] == name)


def test_in_real_time_a_rule_says_what_the_promise_says(shop: Policy) -> None:
    promise = shop.promise("shop.alert.down")
    assert promise.alert
    rule = rule_of(shop, "shop", REAL, "Down")
    assert rule["expr"] == promise.alert.when
    assert rule["for"] == "2m"
    assert rule["labels"] == {"severity": "critical", "promise": "shop.alert.down", "runbook": "shop"}


def test_accelerated_every_duration_of_a_rule_is_divided_and_no_text_in_quotes(shop: Policy) -> None:
    rule = rule_of(shop, "shop", TENFOLD, "Down")
    assert rule["for"] == "12s"
    assert rule["expr"] == 'absent(up{job="shop"}) or rate(orders_total{path="[5m]"}[30s] offset 6s) == 0'


def test_a_channel_without_a_condition_has_no_rule(shop: Policy) -> None:
    rules = yaml.safe_load(prometheus_rules(shop, "shop", REAL))["groups"][0]["rules"]
    assert [rule["alert"] for rule in rules] == ["Down", "Queue", "ShopStillDown"]


def test_scrapes_and_evaluations_are_accelerated_and_never_under_a_second(shop: Policy) -> None:
    settings = yaml.safe_load(scrapes(shop, Profile(accelerated=60)))["global"]
    assert settings == {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}


@pytest.mark.parametrize(
    ("severity", "receivers"),
    [
        ("critical", ["pagerduty-critical", "slack-alerts-critical"]),
        ("warning", ["slack-alerts-warning", "email-ops"]),
        ("info", ["slack-alerts-info"]),
    ],
)
def test_each_severity_is_routed_to_every_channel_that_was_promised(
    platform: Policy, severity: str, receivers: list[str]
) -> None:
    root = yaml.safe_load(alertmanager_config(platform, "aic-aipaas", REAL))["route"]
    # No level: what climbs the escalation matrix has routes of its own.
    way = [f'severity="{severity}"', 'level=""']
    chosen = [route for route in root["routes"] if route["matchers"] == way]
    assert [route["receiver"] for route in chosen] == receivers
    assert all(route["continue"] for route in chosen)


def test_an_alert_that_is_routed_by_a_label_reaches_its_own_receivers_and_no_others(shop: Policy) -> None:
    config = yaml.safe_load(alertmanager_config(shop, "shop", REAL))
    reached = {
        level: route_of(config, {"severity": "critical", **({"level": level} if level else {})})
        for level in ("", "2", "3")
    }
    assert {level: route.receivers for level, route in reached.items() if route} == {
        "": ("pager",),
        "2": ("owner",),
        "3": ("nobody",),
    }


def test_an_alert_may_have_a_name_of_its_own(shop: Policy) -> None:
    assert rule_of(shop, "shop", REAL, "ShopStillDown")["labels"] == {
        "level": "2",
        "severity": "critical",
        "promise": "shop.alert.still-down",
        "runbook": "shop",
    }


def test_an_alert_of_an_unknown_severity_reaches_nobody(platform: Policy) -> None:
    config = yaml.safe_load(alertmanager_config(platform, "aic-aipaas", REAL))
    assert config["route"]["receiver"] == "nobody"
    assert {"name": "nobody"} in config["receivers"]


def test_every_receiver_tells_the_witness_of_the_end_too(platform: Policy) -> None:
    config = yaml.safe_load(alertmanager_config(platform, "aic-aipaas", REAL))
    integrations = [
        integration
        for receiver in config["receivers"]
        for kind in ("webhook_configs", "email_configs")
        for integration in receiver.get(kind, [])
    ]
    assert len(integrations) == 9
    assert all(integration["send_resolved"] for integration in integrations)
    assert all("witness.monitoring" in str(integration) for integration in integrations)


def test_a_platform_without_a_witness_has_no_channels(shop: Policy) -> None:
    target = shop.targets["drill"]
    bare = target.platforms["shop"].model_copy(update={"witness": None})
    targets = {"drill": target.model_copy(update={"platforms": {"shop": bare}})}
    without = Policy(**{**vars(shop), "targets": targets})
    with pytest.raises(PolicyError, match="platform shop has no witness"):
        alertmanager_config(without, "shop", REAL)


def generated(shop: Policy, name: str, profile: Profile) -> str:
    if name == "prometheus.yml":
        return scrapes(shop, profile)
    return {"rules.yml": prometheus_rules, "alertmanager.yml": alertmanager_config}[name](
        shop, "shop", profile
    )


@pytest.mark.parametrize(("folder", "profile"), [("real", REAL), ("drill", TENFOLD)])
@pytest.mark.parametrize("name", ["prometheus.yml", "rules.yml", "alertmanager.yml"])
def test_what_is_generated_for_a_platform_is_the_golden_file(
    shop: Policy, folder: str, profile: Profile, name: str
) -> None:
    assert generated(shop, name, profile) == (GOLDEN / folder / name).read_text()


def keeps(config: dict[str, Any], job: str, **labels: str) -> bool:
    """Whether Prometheus's relabelling of what it scraped lets a series through."""
    [scrape] = [one for one in config["scrape_configs"] if one["job_name"] == job]
    for rule in scrape.get("metric_relabel_configs", ()):
        value = ";".join(labels.get(label, "") for label in rule["source_labels"])
        if bool(re.fullmatch(rule["regex"], value)) != (rule["action"] == "keep"):
            return False
    return True


@pytest.mark.parametrize(
    ("job", "labels", "kept"),
    [
        ("cluster-state", {"__name__": "kube_pod_info", "namespace": "shop"}, True),
        ("cluster-state", {"__name__": "kube_pod_info", "namespace": "shop-next-door"}, False),
        ("cluster-state", {"__name__": "kube_pod_info", "namespace": "monitoring"}, False),
        ("cluster-state", {"__name__": "kube_node_status_condition"}, True),
        (
            "containers",
            {"__name__": "container_memory_usage_bytes", "namespace": "stock", "container": "a"},
            True,
        ),
    ],
)
def test_a_platforms_prometheus_keeps_what_is_about_it_and_the_nodes(
    shop: Policy, job: str, labels: dict[str, str], kept: bool
) -> None:
    assert keeps(yaml.safe_load(scrapes(shop, REAL)), job, **labels) is kept


def test_a_platforms_prometheus_looks_for_pods_in_its_own_namespaces_only(shop: Policy) -> None:
    config = yaml.safe_load(scrapes(shop, REAL))
    watched = {
        job["job_name"]: found["namespaces"]["names"]
        for job in config["scrape_configs"]
        for found in job["kubernetes_sd_configs"]
        if found["role"] == "pod"
    }
    own = {job for job, names in watched.items() if names == ["shop", "stock"]}
    assert own == {"pods", "exporters"}
    assert all(names == ["monitoring"] for job, names in watched.items() if job not in own)


def test_a_rule_carries_the_promises_own_labels_and_annotations(shop: Policy) -> None:
    promise = shop.promise("shop.alert.down")
    assert promise.alert
    said = {"summary": "{{ $labels.job }} is down", "runbook_url": "https://example.test/down"}
    alert = promise.alert.model_copy(update={"labels": {"team": "shop"}, "annotations": said})
    changed = promise.model_copy(update={"alert": alert})
    [runbook] = [one for one in shop.runbooks if one.runbook == "shop"]
    other = replace(shop, runbooks=(runbook.model_copy(update={"promises": (changed,)}),))
    rule = rule_of(other, "shop", REAL, "Down")
    assert rule["labels"] == {
        "team": "shop",
        "severity": "critical",
        "promise": "shop.alert.down",
        "runbook": "shop",
    }
    assert rule["annotations"] == {"source": promise.source, **said}


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("sum(rate(x[5m]))", "sum( rate( x[300s] ) )", True),
        ('up{a="1",b="2"} == 0', 'up{b="2", a="1"}==0', True),
        ("sum(x) by (job)", "sum by (job) (x)", True),
        ("x > 0.05", "x > 0.5", False),
        ("rate(x[5m])", "rate(x[1m])", False),
        ('up{job="a"}', 'up{job=~"a"}', False),
    ],
)
def test_two_expressions_are_compared_as_syntax_trees(left: str, right: str, same: bool) -> None:
    assert promql.same(left, right) is same


@pytest.mark.parametrize(
    "expression",
    [
        "rate(x[5m])",
        "x offset 1h",
        "max_over_time(rate(x[5m])[1h:1m])",
        "rate(x[5m:])",
        'x{a="[5m]"} offset -1h',
    ],
)
def test_a_change_of_times_by_nothing_changes_nothing(expression: str) -> None:
    assert promql.with_times(expression, lambda length: length) == expression


@pytest.mark.parametrize(
    ("expression", "length"),
    [
        ("irate(cpu_seconds_total[10m]) > 0.8", "0s"),
        ('sum(irate(cpu_seconds_total{pod="a"}[10m])) / sum(rate(cpu_seconds_total[2m]))', "2m"),
        ('irate(cpu_seconds_total{pod=~"[ab]"}[10m])', "10m"),
        ("up offset 5m", "5m"),
    ],
)
def test_the_last_two_samples_are_no_look_back(expression: str, length: str) -> None:
    assert promql.longest_range(expression) == duration(length)
    assert promql.shortest_range(expression) is not None
