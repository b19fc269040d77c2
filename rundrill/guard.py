"""What a fault may touch: namespaces that opted in, never a protected one, never more than the allowed share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rundrill.errors import TargetError
from rundrill.labels import selects
from rundrill.session import Session
from rundrill.windows import closed

LABEL, ALLOWED = "rundrill.dev/drills", "allowed"


@dataclass(frozen=True)
class Preview:
    """Exactly what a fault is about to touch."""

    fault: str
    namespace: str | None
    """None for a node, which carries the label itself."""
    what: str
    """Such as `Deployment auth-service`."""
    subjects: tuple[str, ...]
    """Pods, nodes or tables by name."""
    of: int
    """How many such subjects there are in all."""
    at_once: bool = True
    """Whether they go at once; a roll-out that keeps others up meanwhile spends no disruption budget."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The preview as a person reads it."""
        place = f"{self.namespace}: " if self.namespace else ""
        return (
            f"{self.fault} {place}{self.what}: {len(self.subjects)} of {self.of}",
            *(f"  {subject}" for subject in self.subjects),
        )


def allow(session: Session, preview: Preview, configuration: Mapping[str, Any] | None = None) -> None:
    """Nothing where the fault may begin; TargetError that says why not.

    An experiment that takes more than the policy's share must say `whole_service: true` in its own configuration.
    """
    if not session.disruptive:
        raise TargetError(f"{preview.lines[0]}: refused, faults need --disruptive")
    if not preview.subjects:
        raise TargetError(f"{preview.lines[0]}: there is nothing to touch")
    _allow_now(session, preview, str((configuration or {}).get("runbook", "")))
    _allow_place(session, preview)
    largest = session.policy.guard.largest_share
    whole = bool((configuration or {}).get("whole_service"))
    if not whole:
        _allow_budget(session, preview)
    if len(preview.subjects) > largest * preview.of and not whole:
        raise TargetError(
            f"{preview.lines[0]}: more than the allowed {largest:.0%};"
            " an experiment that means it says whole_service: true"
        )


def _allow_now(session: Session, preview: Preview, runbook: str) -> None:
    policy = session.policy.guard
    if why := closed(policy.freezes, policy.hours, runbook, datetime.now(UTC)):
        raise TargetError(f"{preview.lines[0]}: {why}")


def _allow_budget(session: Session, preview: Preview) -> None:
    """What PodDisruptionBudgets leave for each of the pods, whatever way a fault would take them."""
    if preview.namespace is None or not preview.at_once:
        return
    pods = {pod["metadata"]["name"]: pod for pod in session.kube.items("v1/Pod", preview.namespace)}
    chosen = [pods[name] for name in preview.subjects if name in pods]
    for budget in session.kube.items("policy/v1/PodDisruptionBudget", preview.namespace):
        hit = [
            p for p in chosen if selects(budget["spec"].get("selector"), p["metadata"].get("labels") or {})
        ]
        left = int((budget.get("status") or {}).get("disruptionsAllowed", 0))
        if len(hit) > left:
            raise TargetError(
                f"{preview.lines[0]}: PodDisruptionBudget {budget['metadata']['name']} leaves {left};"
                " an experiment that means it says whole_service: true"
            )


def _allow_place(session: Session, preview: Preview) -> None:
    if preview.namespace in session.policy.guard.protected_namespaces:
        raise TargetError(f"{preview.lines[0]}: the namespace is protected by slo.yaml")
    kind, name = (
        ("v1/Namespace", preview.namespace) if preview.namespace else ("v1/Node", preview.subjects[0])
    )
    labels = session.kube.one(kind, None, str(name))["metadata"].get("labels") or {}
    if labels.get(LABEL) != ALLOWED:
        raise TargetError(
            f"{preview.lines[0]}: {kind[3:].lower()} {name} carries no label {LABEL}: {ALLOWED}"
        )


def allow_database(session: Session, runbook: str, preview: Preview) -> None:
    """Nothing where a fault inside a database may begin: the target names a `driller` role only to allow it."""
    if not session.disruptive:
        raise TargetError(f"{preview.lines[0]}: refused, faults need --disruptive")
    if not preview.subjects:
        raise TargetError(f"{preview.lines[0]}: there is nothing to touch")
    _allow_now(session, preview, runbook)
    if "driller" not in session.platform(runbook).postgres:
        raise TargetError(f"{preview.lines[0]}: the target names no role `driller` for {runbook}")
