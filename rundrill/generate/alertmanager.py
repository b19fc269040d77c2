"""Alertmanager: each severity goes to each of its channels, and the witness stands behind every channel of a drill cluster."""

from rundrill.errors import PolicyError
from rundrill.generate.prometheus import host_of
from rundrill.generate.scrapes import Yaml
from rundrill.policy import Policy
from rundrill.profile import Profile
from rundrill.reading import yaml_text
from rundrill.runbook import Receiver, Runbook, Way
from rundrill.target import ServiceAddress
from rundrill.units import duration_text

NOBODY = "nobody"
"""The receiver of alerts whose severity no promise speaks of."""
_MAIL_PORT = 2525


def alertmanager_config(policy: Policy, slug: str, profile: Profile) -> str:
    """alertmanager.yml for that runbook's platform; PolicyError where its target has no witness."""
    runbook, witness = policy.runbook(slug), policy.platform(slug).witness
    if witness is None:
        raise PolicyError(f"{policy.path}: platform {slug} has no witness, so no channel can be generated")
    receivers = [_receiver(name, receiver, witness) for name, receiver in runbook.receivers.items()]
    mail_host = host_of(witness).partition(":")[0]
    return yaml_text(
        {
            "global": {
                "smtp_smarthost": f"{mail_host}:{_MAIL_PORT}",
                "smtp_from": f"alertmanager@{mail_host}",
                "smtp_require_tls": False,
            },
            "route": _root(runbook, profile),
            "receivers": [{"name": NOBODY}, *receivers],
        }
    )


def nobody_config() -> str:
    """alertmanager.yml of a platform whose runbook names no channel yet."""
    return yaml_text({"route": {"receiver": NOBODY}, "receivers": [{"name": NOBODY}]})


def channels(runbook: Runbook) -> dict[Way, tuple[str, ...]]:
    """Every receiver that a promise names for a way (its severity, as a rule), in the order of the promises."""
    found: dict[Way, dict[str, None]] = {}
    for promise in runbook.promises:
        if promise.alert:
            way = runbook.way(promise.alert)
            found.setdefault(way, {}).update(dict.fromkeys(promise.alert.receivers))
    return {way: tuple(names) for way, names in found.items()}


def _root(runbook: Runbook, profile: Profile) -> Yaml:
    """All times stand at the root: every route inherits them."""
    return {
        "receiver": NOBODY,
        "group_by": ["alertname", "job"],
        "group_wait": duration_text(profile.pace(profile.group_wait)),
        "group_interval": duration_text(profile.pace(profile.group_interval)),
        "repeat_interval": duration_text(profile.pace(profile.repeat_interval)),
        "routes": [
            {"matchers": [f'{label}="{value}"' for label, value in way], "receiver": name, "continue": True}
            for way, names in channels(runbook).items()
            for name in names
        ],
    }


def _receiver(name: str, receiver: Receiver, witness: ServiceAddress) -> Yaml:
    if receiver.kind == "email":
        return {"name": name, "email_configs": [_mail(name, witness)]}
    url = f"{witness.scheme}://{host_of(witness)}/channel/{name}"
    return {"name": name, "webhook_configs": [{"url": url, "send_resolved": True}]}


def _mail(name: str, witness: ServiceAddress) -> Yaml:
    """A mail whose headers say in plain words what a webhook says in JSON."""
    alertnames = "{{ range $number, $alert := .Alerts }}{{ if $number }},{{ end }}{{ $alert.Labels.alertname }}{{ end }}"
    return {
        "to": f"{name}@{host_of(witness).partition(':')[0]}",
        "send_resolved": True,
        "headers": {
            "Subject": '[{{ .Status | toUpper }}] {{ .GroupLabels.SortedPairs.Values | join " " }}',
            "X-Rundrill-Status": "{{ .Status }}",
            "X-Rundrill-Alertname": alertnames,
        },
    }
