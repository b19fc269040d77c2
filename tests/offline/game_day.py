"""One promise of every kind with the evidence that meets it, to be spoiled by tests piece by piece."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from rundrill.evidence import (
    AlertSeen,
    AttestationSeen,
    CapacitySeen,
    DrillSeen,
    Evidence,
    Facts,
    Hop,
    KeptSeen,
    LoadPhase,
    ObjectiveSeen,
    Raw,
    Reading,
    RestoreSeen,
    RouteSeen,
    RuleSeen,
    StateSeen,
    Step,
)
from rundrill.profile import Profile
from rundrill.promise import Promise

START = datetime(2026, 11, 21, 9, 30, 12, tzinfo=UTC)
NOW = START + timedelta(minutes=10)
ACCELERATED = Profile(accelerated=10, objective_window="2m")
SHOP = "shop"


def promise(name: str, says: str, gate: str = "must", **block: object) -> Promise:
    return Promise.model_validate(
        {"id": f"{SHOP}.{name}", "says": says, "source": "Handbook > Promises", "gate": gate, **block}
    )


OBJECTIVE = promise(
    "slo.errors",
    "999 of 1000 requests are answered well",
    objective={"indicator": "errors", "target": "99.9%", "window": "30d"},
)
ALERT = promise(
    "alert.service-down",
    "a service that is away for more than two minutes raises a critical alert",
    alert={
        "when": 'absent(up{job="login"} == 1)',
        "for": "2m",
        "severity": "critical",
        "receivers": ["pager", "chat"],
        "notified_within": "3m",
        "quiet_for": "90s",
        "never": ["newsletter"],
        "proven_by": "lose-the-login",
    },
)
CHANNEL = promise(
    "alert.channel-info",
    "what is merely good to know goes to the chat, and nowhere else",
    alert={
        "severity": "info",
        "receivers": ["chat"],
        "notified_within": "2m",
        "proven_by": "synthetic-alert",
    },
)
STATE = promise(
    "health.nodes",
    "both nodes are ready and little restarted",
    state={
        "probe": {"object": {"api": "v1/Node"}},
        "expect": {"ready": {"equals": True}, "restarts": {"at_most": 3}},
        "subjects": 2,
    },
)
DRILL = promise(
    "procedure.rolling-restart",
    "the login service restarts without its users noticing",
    drill={
        "experiment": "roll-the-login",
        "under": "rush-hour",
        "within": "10m",
        "keeps": {"errors": "0.1%"},
    },
)
RESTORE = promise(
    "restore.dump",
    "the nightly dump loads back and holds the same data",
    restore={
        "backup": f"{SHOP}.backup.dump",
        "into": "scratch",
        "rto": "30m",
        "rpo": "24h",
        "compare": "content",
    },
    evidence_lasts="7d",
)
CAPACITY = promise(
    "slo.throughput",
    "ten thousand requests a minute are answered well",
    capacity={"crowd": "full-house", "rate": "6000/1m", "lasts": "5m", "keeps": [OBJECTIVE.id]},
)
ATTESTATION = promise(
    "incident.first-response",
    "someone answers the worst incidents within 15 minutes",
    gate="should",
    attestation={"act": "first response", "within": "15m", "renewed_every": "30d"},
)

OBJECTIVE_SEEN = ObjectiveSeen(
    good=12030, total=12034, window=timedelta(minutes=2), covered=timedelta(minutes=2), also={"p99_s": 0.21}
)


def phase(name: str, start: float, end: float, failed: int = 0, sent: int | None = None) -> LoadPhase:
    planned = round((end - start) * 20)
    reasons = {"503 Service Unavailable": failed} if failed else {}
    latency = {"p50": 0.012, "p95": 0.048, "p99": 0.11, "max": 0.4}
    return LoadPhase(
        name, at(start), at(end), planned, planned if sent is None else sent, failed, latency, reasons
    )


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def hops(**times: float) -> tuple[Hop, ...]:
    """`witness_pager=17.1` is the hop `witness:pager`."""
    return tuple(
        Hop(name.replace("witness_", "witness:").replace("resolved_", "resolved:"), at(after), "prometheus")
        for name, after in times.items()
    )


RULE = RuleSeen(
    name="ServiceDown",
    expr='absent(up{job="login"} == 1)',
    for_=timedelta(seconds=12),
    labels={"severity": "critical"},
    health="ok",
    state="inactive",
    last_evaluation=at(-1),
    interval=timedelta(seconds=1.5),
    expected_expr='absent(up{job="login"} == 1)',
    expr_same=True,
)
ROUTE = RouteSeen(("pager", "chat"), timedelta(seconds=1), timedelta(seconds=6), send_resolved=True)
ALERT_DRILL = DrillSeen(
    experiment="lose-the-login",
    journal_status="completed",
    steady_before=True,
    steps=(
        Step("scale-to-zero", "succeeded", at(-0.6), at(0)),
        Step("alert-arrives", "succeeded", at(0), at(16), output=True),
    ),
    proof="connection refused by login:8000",
    undone="3 of 3 pods ready",
    hops=hops(
        fault_proven=0,
        first_bad_sample=1.2,
        pending=2.1,
        firing=14.2,
        alertmanager=14.3,
        witness_pager=15.4,
        witness_chat=15.5,
        undone=24,
        recovered_users=26.5,
        recovered_kubernetes=25.8,
        inactive=28.3,
        resolved_pager=31.4,
        resolved_chat=31.6,
    ),
    load=(phase("before", -30, 0), phase("fault", 0, 24, failed=182), phase("after", 24, 60, failed=9)),
    other_alerts=("HighErrorRate",),
    quiet_before=True,
    started=at(-30),
    ended=at(60),
)
ALERT_SEEN = AlertSeen(RULE, ROUTE, ALERT_DRILL)
CHANNEL_SEEN = AlertSeen(
    None,
    replace(ROUTE, receivers=("chat",)),
    replace(
        ALERT_DRILL,
        experiment="synthetic-alert",
        steady_before=None,
        load=(),
        proof="Alertmanager took the alert",
        undone="the alert has ended",
        hops=hops(fault_proven=0, alertmanager=0.1, witness_chat=1.3, undone=2, resolved_chat=8.2),
        other_alerts=(),
    ),
)
STATE_SEEN = StateSeen(
    (
        Reading("node-a", {"found": True, "ready": True, "restarts": 0}),
        Reading("node-b", {"found": True, "ready": "true", "restarts": "3"}),
    )
)
DRILL_SEEN = replace(
    ALERT_DRILL,
    experiment="roll-the-login",
    hops=hops(fault_proven=0, undone=24, recovered_users=26.5, recovered_kubernetes=25.8),
    load=(phase("before", -30, 0), phase("fault", 0, 24), phase("after", 24, 60, failed=1)),
    quiet_before=None,
)
RESTORE_SEEN = RestoreSeen(
    artefact="shop-20261121T090000Z.sql.gz",
    taken_at=START - timedelta(minutes=30),
    size_bytes=1_482_911,
    rto=timedelta(seconds=4.2),
    rpo=timedelta(minutes=31),
    rows_compared=8204,
    tables=(
        Reading(
            "logins",
            {
                "rows_source": 8000,
                "rows_restored": 8000,
                "digest_source": "9f2c",
                "digest_restored": "9f2c",
                "equal": True,
            },
        ),
        Reading(
            "orders",
            {
                "rows_source": 204,
                "rows_restored": 204,
                "digest_source": "77aa",
                "digest_restored": "77aa",
                "equal": True,
            },
        ),
    ),
    content_equal=True,
)
CAPACITY_SEEN = CapacitySeen(
    planned_rate=105.0,
    phases=(LoadPhase("before", at(0), at(30), 3150, 3150, 2, {"p99": 0.2}),),
    good_per_bucket=(620, 611, 600, 618, 605),
    bucket=timedelta(seconds=6),
    lost=1,
    kept=(KeptSeen(OBJECTIVE.id, 0.999, 3148, 3150),),
)
ATTESTATION_SEEN = AttestationSeen(
    "on-call lead", START - timedelta(days=3), START + timedelta(days=27), "drilled by phone"
)

MET: dict[str, tuple[Promise, Facts]] = {
    "objective": (OBJECTIVE, OBJECTIVE_SEEN),
    "alert": (ALERT, ALERT_SEEN),
    "channel": (CHANNEL, CHANNEL_SEEN),
    "state": (STATE, STATE_SEEN),
    "drill": (DRILL, DRILL_SEEN),
    "restore": (RESTORE, RESTORE_SEEN),
    "capacity": (CAPACITY, CAPACITY_SEEN),
    "attestation": (ATTESTATION, ATTESTATION_SEEN),
}


def evidence(of: Promise, seen: Facts) -> Evidence:
    raw = Raw("prometheus", "GET /api/v1/rules", {"status": "success"}, START)
    return Evidence(of.id, "prometheus", START, seen, (raw,))


TODAY = date(2026, 11, 21)
