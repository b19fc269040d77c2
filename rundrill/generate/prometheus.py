"""Prometheus: how often it scrapes, and the alerting rules, all in the profile's time."""

from collections.abc import Sequence
from datetime import timedelta

from rundrill import promql
from rundrill.feasible import scrape_timeout
from rundrill.generate.scrapes import Yaml, scrape_configs
from rundrill.policy import Policy
from rundrill.profile import Profile
from rundrill.promise import Alert, Promise
from rundrill.reading import yaml_text
from rundrill.target import ServiceAddress
from rundrill.units import duration_text

RULES_FILE = "rules.yml"
"""Beside the configuration."""


def prometheus_config(
    alertmanager: ServiceAddress, profile: Profile, namespaces: Sequence[str], shared: str
) -> str:
    """prometheus.yml of a platform: its own namespaces, and of what is `shared` whatever speaks of them or of the nodes."""
    interval = profile.pace(profile.scrape_interval)
    return yaml_text(
        {
            "global": {
                "scrape_interval": duration_text(interval),
                "scrape_timeout": duration_text(scrape_timeout(profile)),
                "evaluation_interval": duration_text(profile.pace(profile.evaluation_interval)),
            },
            "rule_files": [RULES_FILE],
            "alerting": {"alertmanagers": [_alertmanagers(alertmanager)]},
            "scrape_configs": scrape_configs(profile, namespaces, shared),
        }
    )


def no_rules() -> str:
    """rules.yml of a platform that promises no alert yet."""
    return yaml_text({"groups": []})


def prometheus_rules(policy: Policy, slug: str, profile: Profile) -> str:
    """rules.yml: one rule for each alert of that runbook that has a condition."""
    runbook = policy.runbook(slug)
    rules = [
        _rule(promise, promise.alert, slug, profile)
        for promise in runbook.promises
        if promise.alert and promise.alert.when
    ]
    interval = duration_text(profile.pace(profile.evaluation_interval))
    return yaml_text({"groups": [{"name": slug, "interval": interval, "rules": rules}]})


def rule_expression(alert: Alert, profile: Profile) -> str:
    """The alert's condition as Prometheus gets it: every range and offset in the profile's time."""
    return promql.with_times(alert.when or "", profile.pace)


def _rule(promise: Promise, alert: Alert, slug: str, profile: Profile) -> Yaml:
    return {
        "alert": promise.alert_name,
        "expr": rule_expression(alert, profile),
        "for": duration_text(profile.pace(alert.for_ or timedelta(0))),
        "labels": {**alert.labels, "severity": alert.severity, "promise": promise.id, "runbook": slug},
        "annotations": {"summary": promise.says, "source": promise.source, **alert.annotations},
    }


def _alertmanagers(address: ServiceAddress) -> Yaml:
    return {"scheme": address.scheme, "static_configs": [{"targets": [host_of(address)]}]}


def host_of(address: ServiceAddress) -> str:
    """The address as the cluster's DNS knows it: `monitoring/witness:8070` is `witness.monitoring:8070`."""
    namespace, _, rest = address.service.partition("/")
    name, _, port = rest.partition(":")
    return f"{name}.{namespace}:{port}"
