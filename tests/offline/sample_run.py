"""A run with every kind of promise and every verdict, judged from evidence, for the report's tests."""

from dataclasses import replace
from datetime import timedelta

import game_day
from game_day import ACCELERATED, ALERT, ALERT_SEEN, MET, NOW, START, TODAY, at, evidence, promise

from rundrill.errors import NoEvidence
from rundrill.evidence import Hop, KeptSeen, Reading, StateSeen
from rundrill.judge import judge, waive
from rundrill.policy import Waiver
from rundrill.promise import Promise
from rundrill.run import DefectRow, DefectSeen, Row, Run
from rundrill.verdict import Outcome, Verdict

RESTORED = "shop.restore.nightly"
NASTY = "<script>alert('x')</script> & \"quoted\""


AWAY = NoEvidence("the API server does not answer: 503")


def row(of: Promise, seen: object, took: float = 0.2) -> Row:
    found = evidence(of, seen)
    return Row(of, "shop", judge(of, found, ACCELERATED, NOW), found, took)


def unmeasured(of: Promise, why: NoEvidence) -> Row:
    return Row(of, "shop", Verdict(of.id, Outcome.UNKNOWN, str(why)), None, 0.1)


def renamed(of: Promise, name: str, says: str, **change: object) -> Promise:
    return of.model_copy(update={"id": f"shop.{name}", "says": says, **change})


def later(seen, **times):
    """The drill's hops, some of them later."""
    moved = {name.replace("witness_", "witness:"): after for name, after in times.items()}
    hops = tuple(
        Hop(hop.name, at(moved[hop.name]), hop.source) if hop.name in moved else hop
        for hop in seen.drill.hops
    )
    return replace(seen, drill=replace(seen.drill, hops=hops))


LATE = renamed(
    ALERT,
    "alert.high-error-rate",
    "when more than one request in twenty fails for five minutes, the pager goes",
)
UNPROVEN = renamed(
    ALERT, "alert.database-pool", "a connection pool that is nearly full is told to the chat and the pager"
)
WIRED = renamed(
    ALERT, "alert.disk-low", "a disk with less than a tenth free is told within the hour", gate="should"
)
SLOW = promise(
    "slo.response-time-of-the-recommendation-service-behind-the-front-door",
    "95 of 100 calls are answered within 200 ms",
    objective={"indicator": "latency", "target": "95%", "window": "30d", "within": "200ms"},
)
SETTING = promise(
    "config.shared-buffers",
    "the database runs with 256 MB of shared buffers",
    gate="should",
    state={
        "probe": {"postgres-setting": {"setting": "shared_buffers"}},
        "expect": {"value": {"equals": "256MB"}},
    },
)
TEMPLATE = promise(
    "config.banner",
    "the banner holds no markup",
    state={"probe": {"object": {"api": "v1/ConfigMap"}}, "expect": {"banner": {"equals": "plain"}}},
)
BROKEN = renamed(game_day.RESTORE, "restore.weekly", "the weekly dump loads back too", evidence_lasts=None)


def rows() -> tuple[Row, ...]:
    met = [row(of, seen) for of, seen in MET.values()]
    missed = [
        row(LATE, later(ALERT_SEEN, witness_pager=15.4, witness_chat=25.2, alertmanager=14.3, undone=26)),
        row(SLOW, replace(game_day.OBJECTIVE_SEEN, good=10900, total=12034)),
        row(TEMPLATE, StateSeen((Reading("ConfigMap banner", {"banner": NASTY}),))),
        row(
            BROKEN,
            replace(
                game_day.RESTORE_SEEN,
                failure="pg_restore: error: could not read from input file: end of file",
            ),
        ),
    ]
    unknown = [
        row(UNPROVEN, replace(ALERT_SEEN, drill=replace(game_day.ALERT_DRILL, proof=None))),
        unmeasured(renamed(game_day.STATE, "health.pods", "every pod is ready"), AWAY),
        unmeasured(
            renamed(game_day.STATE, "health.quotas", "no namespace is near its quota", gate="should"), AWAY
        ),
    ]
    not_run = [row(WIRED, replace(ALERT_SEEN, drill=None))]
    setting = row(SETTING, StateSeen((Reading("shared_buffers", {"value": "128MB"}),)))
    waiver = Waiver(
        promise=SETTING.id, reason="new nodes arrive in December", approved_by="release board", expires=TODAY
    )
    waived = [replace(setting, verdict=waive(setting.verdict, [waiver], TODAY))]
    thin = replace(
        game_day.CAPACITY_SEEN,
        good_per_bucket=(620, 611, 420, 618, 605),
        kept=(KeptSeen(game_day.OBJECTIVE.id, 0.999, 3148, 3150),),
    )
    busy = row(
        renamed(game_day.CAPACITY, "capacity.sale", "the sale's first minutes are carried", gate="should"),
        thin,
    )
    return (*met, *missed, *unknown, *not_run, *waived, busy)


def a_run(**change: object) -> Run:
    run = Run(
        id="20261121-093012",
        command="rundrill gameday first",
        started=START,
        ended=START + timedelta(minutes=4, seconds=12),
        target="kube://rundrill",
        profile_name="drill",
        profile=ACCELERATED,
        disruptive=True,
        interrupted=False,
        rows=rows(),
        defects=(
            DefectSeen(
                "zero-replicas-are-silent",
                ALERT.id,
                'up{job="login"} == 0',
                "evaluates to nothing while no replica runs: the alert can never fire",
                'absent(up{job="login"} == 1)',
                "fired 14.2 s after the fault was proven",
                shown=True,
            ),
            DefectSeen(
                "a-load-over-live-tables-restores-nothing",
                game_day.RESTORE.id,
                "psql shop < backup.sql",
                "214 errors, 0 of 8,204 rows came back",
                "createdb scratch && pg_restore -d scratch backup.dump",
                "8,204 rows came back equal",
                shown=True,
            ),
        ),
        titles={"shop": "The shop"},
        defect_rows=(
            DefectRow(
                "shop.dump-hides-failure",
                0,
                "shop",
                "Backups > Nightly",
                "the dump is piped into gzip, and only gzip's status counts",
                "a dump that failed leaves a sound archive of nothing",
                "set pipefail",
                (RESTORED,),
                "shell",
                "pg_dump shop | gzip > shop.gz",
                "set -o pipefail; pg_dump shop | gzip > shop.gz",
                shown=True,
                literal_seen="ended with 0",
                intended_seen="ended with 1",
                at=START,
            ),
            DefectRow(
                "shop.pool-exceeds-server",
                1,
                "shop",
                "Pools",
                f"five tills hold twenty connections each {NASTY}",
                "that is more than the server has",
                "count them",
                (),
                "numbers",
                "connections of the tills",
                "must be <= those of the server",
                shown=True,
                literal_seen="connections of the tills: 100 (5 × 20)",
                intended_seen="those of the server: 97",
            ),
            DefectRow(
                "shop.cache-forgets",
                2,
                "shop",
                "Cache",
                "the policy is set at run time",
                "it is gone after a restart",
                "write it down",
                (),
                "redis",
                "CONFIG SET maxmemory-policy allkeys-lru",
                "CONFIG REWRITE",
                shown=False,
                why_not="the literal form did something else: exit is 1, expected 0",
                literal_seen="ended with 1",
                intended_seen="ended with 0",
                at=START,
            ),
            DefectRow(
                "shop.silent-in-a-drill",
                3,
                "shop",
                "Alerts",
                "the shop is down where up is 0",
                "it never holds",
                "say absent",
                (ALERT.id,),
                "drilled",
                "up == 0",
                "absent(up)",
            ),
        ),
        versions={
            "rundrill": "0.1.0",
            "kubernetes": "v1.35.4",
            "prometheus": "2.53.3",
            "postgresql": "17.6",
            "python": "3.12.11",
        },
    )
    return replace(run, **change)
