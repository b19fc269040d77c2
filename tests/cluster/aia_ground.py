"""Ways to break platform aia, each with its undo."""

import contextlib
from functools import partial
from typing import Any

from rundrill.gateway.kubernetes import NotFound
from rundrill.session import Session

SPACE = "aia-production"

type Json = dict[str, Any]


def change(
    session: Session, undoing: contextlib.ExitStack, api: str, name: str, body: Json, kind: str = "merge"
) -> None:
    """The object changed, and as it was when the context ends."""
    before = session.kube.one(api, SPACE, name)
    undoing.callback(session.kube.patch, api, SPACE, name, _as_before(before, body))
    session.kube.patch(api, SPACE, name, body, kind)


def _as_before(before: Json, body: Json) -> Json:
    # A list is put back whole; a key that was not there is taken out.
    return {
        key: _as_before(before.get(key) or {}, value) if isinstance(value, dict) else before.get(key)
        for key, value in body.items()
    }


def made(session: Session, undoing: contextlib.ExitStack, api: str, body: Json) -> None:
    """A new object, gone when the context ends."""
    name = body["metadata"]["name"]
    with contextlib.suppress(NotFound):
        session.kube.delete(api, SPACE, name)
    session.kube.create(api, SPACE, body)
    undoing.callback(session.kube.delete, api, SPACE, name)


def break_all(session: Session, undoing: contextlib.ExitStack) -> None:
    """Every breakage; none hides another."""
    alter, make = partial(change, session, undoing), partial(made, session, undoing)
    # Before the quota is too small for it.
    make("v1/Pod", poor_exporter(session))
    alter("v1/ConfigMap", "aia-config", {"data": {"LOG_LEVEL": "DEBUG"}})
    alter("v1/ConfigMap", "escalation-policy", {"data": {"policy.yaml": THREE_LEVELS}})
    alter("autoscaling/v2/HorizontalPodAutoscaler", "aia-api", {"spec": {"maxReplicas": 7}})
    alter("v1/ResourceQuota", "aia-quota", {"spec": {"hard": {"limits.memory": "1200Mi"}}})
    alter("batch/v1/CronJob", "postgresql-backup", {"spec": {"suspend": True}})
    alter("v1/ServiceAccount", "aia-backup", {"metadata": {"annotations": {IDENTITY: "aia-backup"}}})
    forbidden = [{"secretKey": "DATABASE_URL", "remoteRef": {"key": "aia-operator-notes"}}]
    body = {"metadata": {"annotations": {"force-sync": "now"}}, "spec": {"data": forbidden}}
    alter("external-secrets.io/v1/ExternalSecret", "aia-secrets", body)
    make("rbac.authorization.k8s.io/v1/Role", TOO_WIDE)
    make("rbac.authorization.k8s.io/v1/RoleBinding", TOO_WIDE_BINDING)
    make("networking.k8s.io/v1/NetworkPolicy", OPEN_REDIS)
    make("apps/v1/Deployment", WITHOUT_PROBES)
    name = session.kube.one("v1/Service", SPACE, "mas-system-postgres")
    session.kube.delete("v1/Service", SPACE, "mas-system-postgres")
    undoing.callback(session.kube.create, "v1/Service", SPACE, fresh(name))


def poor_exporter(session: Session) -> Json:
    """A pod that leaves exports without some kinds, newer than the platform's own, and takes them away when it ends."""
    keeper = session.kube.one("apps/v1/Deployment", SPACE, "aia-secret-manager")["spec"]["template"]["spec"]
    container = {
        "name": "exporter",
        "image": keeper["containers"][0]["image"],
        "command": ["bash", "-c", POOR_EXPORTS],
        "volumeMounts": [{"name": "exports", "mountPath": "/exports"}],
    }
    volume = {"name": "exports", "persistentVolumeClaim": {"claimName": "config-exports"}}
    spec = {key: keeper[key] for key in ("nodeSelector", "securityContext")}
    grace = {"terminationGracePeriodSeconds": 10, "automountServiceAccountToken": False}
    return {
        "metadata": {"name": "poor-exporter"},
        "spec": {**spec, **grace, "containers": [container], "volumes": [volume]},
    }


def fresh(there: Json) -> Json:
    metadata = {key: there["metadata"].get(key) for key in ("name", "labels")}
    spec = {key: there["spec"][key] for key in ("type", "externalName")}
    return {"metadata": metadata, "spec": spec}


POOR_EXPORTS = """
umask 077
trap 'rm -f /exports/backup-20000101.yaml /exports/rbac-backup-20000101.yaml; exit' TERM
leave_out() {
    python3 -c 'import sys, yaml
said = yaml.safe_load(open(sys.argv[1]))
said["items"] = [one for one in said["items"] if one["kind"] not in sys.argv[3:]]
yaml.safe_dump(said, open(sys.argv[2], "w"))' "$@"
}
leave_out "$(ls /exports/backup-2???????.yaml | tail -1)" /exports/backup-20000101.yaml NetworkPolicy PersistentVolumeClaim
leave_out "$(ls /exports/rbac-backup-2???????.yaml | tail -1)" /exports/rbac-backup-20000101.yaml Role
sleep 600 & wait
"""
IDENTITY = "iam.gke.io/gcp-service-account"
THREE_LEVELS = """
levels:
  - {level: 1, who: on call, after_minutes: 0}
  - {level: 2, who: DevOps, after_minutes: 15}
  - {level: 3, who: architect, after_minutes: 30}
"""
TOO_WIDE: Json = {
    "metadata": {"name": "too-wide"},
    "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}],
}
TOO_WIDE_BINDING: Json = {
    "metadata": {"name": "too-wide"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "too-wide"},
    "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": SPACE}],
}
OPEN_REDIS: Json = {
    "metadata": {"name": "open-redis"},
    "spec": {"podSelector": {"matchLabels": {"app": "redis"}}, "policyTypes": ["Ingress"], "ingress": [{}]},
}
WITHOUT_PROBES: Json = {
    "metadata": {"name": "without-probes"},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "without-probes"}},
        "template": {
            "metadata": {"labels": {"app": "without-probes"}},
            "spec": {"containers": [{"name": "it", "image": "none"}]},
        },
    },
}
