"""Drills, restores, capacity and attestations."""

from dataclasses import replace
from datetime import timedelta

import pytest
from game_day import (
    ACCELERATED,
    ATTESTATION,
    ATTESTATION_SEEN,
    CAPACITY,
    CAPACITY_SEEN,
    DRILL,
    DRILL_SEEN,
    NOW,
    RESTORE,
    RESTORE_SEEN,
    START,
    STATE,
    STATE_SEEN,
    TODAY,
    evidence,
    hops,
    phase,
)

from rundrill.evidence import Hop, KeptSeen, Look, Reading, StateSeen, Step, Watched
from rundrill.judge import judge, waive
from rundrill.policy import Waiver
from rundrill.verdict import Outcome, Verdict

MET, MISSED, UNKNOWN, WAIVED = Outcome.MET, Outcome.MISSED, Outcome.UNKNOWN, Outcome.WAIVED


def verdict(of, seen, now=NOW, **change):
    return judge(of, evidence(of, replace(seen, **change)), ACCELERATED, now)


@pytest.mark.parametrize(
    ("change", "outcome", "words"),
    [
        pytest.param({"hops": hops(fault_proven=0, recovered_users=300)}, UNKNOWN, "the crowd had left", id="nobody saw the recovery last"),
        pytest.param({"hops": hops(fault_proven=0, recovered_users=6000)}, UNKNOWN, "future", id="a recovery in the future"),
        pytest.param({"hops": hops(fault_proven=0, undone=20)}, MISSED, "were not well again", id="users never recovered"),
        pytest.param({"hops": hops(fault_proven=10, recovered_users=5)}, UNKNOWN, "contradict", id="recovered before the fault"),
        pytest.param({"hops": hops(recovered_users=5)}, UNKNOWN, "nobody noted", id="no beginning"),
        pytest.param({"load": (phase("before", -30, 0), phase("fault", 0, 24, failed=2), phase("after", 24, 60))}, MISSED, "2 of 1,200 requests failed meanwhile (0.17 %), promised at most 0.1 %", id="too many errors"),
        pytest.param({"load": (phase("before", -30, 0), phase("fault", 0, 24), phase("after", 24, 40))}, UNKNOWN, "stayed 13.5 s after users were well again", id="the crowd left too early"),
        pytest.param({"load": (phase("fault", 0, 24), phase("after", 24, 60))}, UNKNOWN, "no load in the phase 'before'", id="no load before"),
        pytest.param({"proof": None}, UNKNOWN, "not proven", id="not proven"),
        pytest.param({"undone": None}, UNKNOWN, "undone", id="not undone"),
    ],
)  # fmt: skip
def test_a_drill(change, outcome, words):
    found = verdict(DRILL, DRILL_SEEN, **change)
    assert found.outcome is outcome, found.reason
    assert words in found.reason


FAILED = {"status": "failed", "started": None, "ended": None, "error": "403 forbidden"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"steps": (Step("inject-more", **FAILED, action=True),)}, "'inject-more' failed: 403", id="an action that failed"),
        pytest.param({"steps": (Step("rollback: undo", **FAILED, action=True),)}, "'rollback: undo' failed", id="a rollback that failed"),
        pytest.param({"steady_before": False}, "not met before the fault", id="a gate that was not met"),
        pytest.param({"steady_before": None}, "not looked at", id="a gate that nobody looked at"),
        pytest.param({"proof": None}, "not proven", id="a fault that nobody proved"),
        pytest.param({"undone": None}, "undone", id="an undo that nobody showed"),
        pytest.param({"load": (phase("before", -30, 0), phase("fault", 0, 24, sent=400), phase("after", 24, 60))}, "load below plan", id="lost load"),
        pytest.param({"journal_status": "interrupted"}, "interrupted", id="a signal"),
        pytest.param({"journal_status": "aborted"}, "aborted", id="an abort"),
        pytest.param({"interrupted": True}, "interrupted", id="a signal to the runner"),
    ],
)  # fmt: skip
def test_what_went_wrong_on_our_side_is_unknown_even_where_users_never_recovered(change, words):
    found = verdict(DRILL, DRILL_SEEN, **({"hops": hops(fault_proven=0, undone=20)} | change))
    assert found.outcome is UNKNOWN, found.reason
    assert words in found.reason


def test_a_probe_that_says_no_does_not_excuse_the_platform():
    failed = (Step("users-recover", **FAILED),)
    assert verdict(DRILL, DRILL_SEEN, hops=hops(fault_proven=0, undone=20), steps=failed).outcome is MISSED


def test_a_drills_deadline_is_not_paced():
    load = (phase("before", -30, 0), phase("fault", 0, 400), phase("after", 400, 500))
    slow = verdict(DRILL, DRILL_SEEN, hops=hops(fault_proven=0, recovered_users=400), load=load)
    assert slow.outcome is MET, slow.reason
    assert slow.notes[-1] == "time accelerated 10 times for alerts; recovery is in real time"


def test_a_late_recovery_is_missed():
    late = verdict(
        DRILL, DRILL_SEEN, now=NOW + timedelta(hours=1), hops=hops(fault_proven=0, recovered_users=601)
    )
    assert (late.outcome, late.reason) == (MISSED, "users were well again after 10 min 1 s, promised 10 min")


def test_a_drill_with_something_to_follow_is_not_met_before_that_is_measured():
    follows = {"then": (STATE.state,)}
    of = DRILL.model_copy(update={"drill": DRILL.drill.model_copy(update=follows)})
    found = verdict(of, DRILL_SEEN)
    assert found.outcome is UNKNOWN
    assert "question 1) was not measured" in found.reason


def noted(station, after_s, says=""):
    """The same drill with one more station, so long after its proof."""
    proven = next(hop.at for hop in DRILL_SEEN.hops if hop.name == "fault_proven")
    hop = Hop(station, proven + timedelta(seconds=after_s), "platform", says=says)
    return replace(DRILL_SEEN, hops=(*DRILL_SEEN.hops, hop))


def test_a_fault_that_did_not_last_says_why():
    found = verdict(DRILL, replace(noted("lapsed", 3, "pod till-1 was replaced meanwhile"), proof=None))
    assert found.outcome is UNKNOWN
    assert found.reason == "the fault was not proven to last: pod till-1 was replaced meanwhile"


def test_what_never_bit_was_not_taken_back():
    never = tuple(hop for hop in noted("lapsed", 3, "it is not there").hops if hop.name != "fault_proven")
    found = verdict(DRILL, replace(DRILL_SEEN, hops=never, proof=None))
    assert found.outcome is UNKNOWN
    assert found.reason.startswith("the fault was not proven")
    assert "last" not in found.reason


def followed():
    follows = {"then": (STATE.state,), "under": None, "keeps": None}
    return DRILL.model_copy(update={"drill": DRILL.drill.model_copy(update=follows)})


def test_what_must_be_so_in_the_end_was_seen_in_time():
    found = verdict(followed(), noted(f"then:{DRILL.id}:0", 30))
    assert found.outcome is MET
    assert "done after 30" in found.reason


def test_what_came_too_late_is_missed():
    late = DRILL.drill.within.total_seconds() + 1
    assert verdict(followed(), noted(f"then:{DRILL.id}:0", late)).outcome is MISSED


def test_what_was_read_and_is_otherwise_is_missed_and_not_unknown():
    found = verdict(followed(), noted(f"not-then:{DRILL.id}:0", 30, "shop/web: ready is 5, expected 8"))
    assert found.outcome is MISSED
    assert found.reason.endswith(": shop/web: ready is 5, expected 8")


def test_the_answer_to_another_promises_question_is_none():
    assert verdict(followed(), noted("then:shop.drill.other:0", 30)).outcome is UNKNOWN


def test_a_drill_without_a_crowd_is_not_met_before_somebody_looks():
    alone = {"under": None, "keeps": None}
    of = DRILL.model_copy(update={"drill": DRILL.drill.model_copy(update=alone)})
    assert verdict(of, DRILL_SEEN).outcome is UNKNOWN


def test_a_capacity_that_keeps_a_state_is_not_met_before_somebody_looks():
    keeps = {"keeps": (*CAPACITY.capacity.keeps, STATE.id)}
    of = CAPACITY.model_copy(update={"capacity": CAPACITY.capacity.model_copy(update=keeps)})
    found = verdict(of, CAPACITY_SEEN)
    assert (found.outcome, found.reason) == (UNKNOWN, f"not measured under load: {STATE.id}")


def keeping_a_state():
    changed = {"keeps": (*CAPACITY.capacity.keeps, STATE.id), "then": (STATE.state,)}
    return CAPACITY.model_copy(update={"capacity": CAPACITY.capacity.model_copy(update=changed)})


def looks(*good):
    """One look for each of these: every node ready, one of them not, or nothing read."""
    answers = {
        True: STATE_SEEN,
        False: replace(
            STATE_SEEN, readings=(Reading("node-a", {"found": True, "ready": False, "restarts": 0}),)
        ),
        None: StateSeen((), gap="the API server did not answer"),
    }
    taken = tuple(Look(5.0 * number, (answers[one],)) for number, one in enumerate(good, 1))
    return Watched(STATE.id, (STATE.state,), taken)


@pytest.mark.parametrize(
    ("under_load", "then", "outcome", "words"),
    [
        pytest.param((True, True), (True,), MET, "5 s after the crowd left", id="held, and so in the end"),
        pytest.param((True, False), (True,), MISSED, f"{STATE.id} under load, after 10 s: node-a", id="one look said no"),
        pytest.param((True, None), (True,), UNKNOWN, "did not answer", id="one look saw nothing"),
        pytest.param((), (True,), UNKNOWN, "not measured under load", id="nobody looked"),
        pytest.param((True, True), (False, None, True), MET, "15 s after the crowd left", id="so after a while"),
        pytest.param((True, True), (None, False), MISSED, "10 s after the crowd left: node-a", id="never so"),
        pytest.param((True, True), (None, None), UNKNOWN, "did not answer", id="nobody could tell"),
        pytest.param((True, True), (), UNKNOWN, "nobody looked", id="nobody looked afterwards"),
    ],
)  # fmt: skip
def test_states_under_load_and_after_it(under_load, then, outcome, words):
    found = verdict(keeping_a_state(), CAPACITY_SEEN, states=(looks(*under_load),), then=looks(*then))
    assert found.outcome is outcome, found.reason
    assert words in found.reason


def test_what_must_be_so_after_the_load_is_not_met_before_somebody_looks():
    found = verdict(keeping_a_state(), CAPACITY_SEEN, states=(looks(True, True),))
    assert (found.outcome, found.reason) == (
        UNKNOWN,
        "what must be so when the crowd has left was not measured",
    )


def table(**facts):
    good = {"rows_source": 8, "rows_restored": 8, "digest_source": "a", "digest_restored": "a", "equal": True}
    return {"tables": (Reading("logins", good | facts),), "rows_compared": 8}


@pytest.mark.parametrize(
    ("change", "outcome", "words"),
    [
        pytest.param(
            {"failure": "unexpected end of file"},
            MISSED,
            "does not restore: unexpected end of file",
            id="a truncated dump",
        ),
        pytest.param({"content_equal": False}, MISSED, "differs", id="content that differs"),
        pytest.param(
            table(digest_restored="b", equal=True),
            MISSED,
            "differs in logins",
            id="digests that differ, whatever was said",
        ),
        pytest.param(table(rows_restored=7), MISSED, "differs in logins", id="a row short"),
        pytest.param(
            table(digest_restored=None), UNKNOWN, "not compared: logins", id="a table that was not compared"
        ),
        pytest.param({"rows_compared": 0}, UNKNOWN, "not compared", id="no row compared"),
        pytest.param(
            {"rows_compared": 9000}, UNKNOWN, "the tables hold 8,204", id="more rows than the tables hold"
        ),
        pytest.param({"tables": ()}, UNKNOWN, "not compared", id="no table compared"),
        pytest.param({"size_bytes": 0}, UNKNOWN, "no backup to restore", id="an empty artefact"),
        pytest.param({"rto": timedelta(minutes=30)}, MET, "", id="restored just in time"),
        pytest.param(
            {"rto": timedelta(minutes=30, seconds=1)},
            MISSED,
            "restored in 30 min 1 s, promised 30 min",
            id="restored too late",
        ),
        pytest.param({"rpo": timedelta(hours=24)}, MET, "", id="lost just as much as is allowed"),
        pytest.param(
            {"rpo": timedelta(hours=24, seconds=1)},
            MISSED,
            "lost 86,401 s of writes, promised at most 24 h",
            id="lost too much",
        ),
        pytest.param({"rto": timedelta(0)}, UNKNOWN, "impossible", id="restored in no time"),
    ],
)
def test_a_restore(change, outcome, words):
    found = verdict(RESTORE, RESTORE_SEEN, **change)
    assert found.outcome is outcome, found.reason
    assert words in found.reason


def test_a_restore_has_its_figures():
    measured = verdict(RESTORE, RESTORE_SEEN).measured
    assert (measured["rto_s"], measured["rpo_s"], measured["rows_compared"], measured["content_equal"]) == (
        4.2,
        1860,
        8204,
        True,
    )


@pytest.mark.parametrize(
    ("age", "outcome"),
    [
        pytest.param(timedelta(days=7), MET, id="just fresh"),
        pytest.param(timedelta(days=7, seconds=1), UNKNOWN, id="a second too old"),
        pytest.param(timedelta(hours=-1), UNKNOWN, id="from the future"),
    ],
)
def test_evidence_ages(age, outcome):
    assert verdict(RESTORE, RESTORE_SEEN, now=START + age).outcome is outcome


@pytest.mark.parametrize(
    ("change", "outcome", "words"),
    [
        pytest.param({"good_per_bucket": (600, 600, 600, 600, 600)}, MET, "at least 600", id="just the promised rate"),
        pytest.param({"good_per_bucket": (600, 600, 599, 600, 600)}, MISSED, "599 in the worst, promised 600", id="one answer short in one bucket"),
        pytest.param({"good_per_bucket": (700, 700, 700, 700)}, UNKNOWN, "lasted 24 s", id="a bucket short"),
        pytest.param({"good_per_bucket": ()}, UNKNOWN, "lasted 0 s", id="no bucket"),
        pytest.param({"bucket": timedelta(minutes=10)}, UNKNOWN, "cannot show a rate", id="buckets that hide a dip"),
        pytest.param({"lost": 31}, MET, "", id="just few enough lost arrivals"),
        pytest.param({"lost": 32}, UNKNOWN, "could not keep up", id="too many lost arrivals"),
        pytest.param({"planned_rate": 99.9}, UNKNOWN, "only 99.9 arrivals/s", id="a smaller crowd than promised"),
        pytest.param({"phases": ()}, UNKNOWN, "sent nothing", id="no crowd"),
        pytest.param({"kept": ()}, UNKNOWN, "not measured under load: shop.slo.errors", id="nobody looked at the objective"),
        pytest.param({"kept": (KeptSeen("shop.slo.errors", 0.999, 0, 0),)}, UNKNOWN, "not measured", id="an objective without events"),
        pytest.param({"kept": (KeptSeen("shop.slo.errors", 0.999, 998, 1000),)}, MISSED, "did not hold under load", id="an objective that did not hold"),
    ],
)  # fmt: skip
def test_capacity(change, outcome, words):
    found = verdict(CAPACITY, CAPACITY_SEEN, **change)
    assert found.outcome is outcome, found.reason
    assert words in found.reason


@pytest.mark.parametrize(
    ("change", "now", "outcome"),
    [
        pytest.param({}, START + timedelta(days=26), MET, id="before its day"),
        pytest.param({}, START + timedelta(days=27), UNKNOWN, id="on the dot it has expired"),
        pytest.param({"expires_at": START + timedelta(days=999)}, START + timedelta(days=28), UNKNOWN, id="a record cannot outlast the promise"),
        pytest.param({"signed_by": None}, START, UNKNOWN, id="nobody signed"),
        pytest.param({"signed_at": START + timedelta(days=1)}, START, UNKNOWN, id="signed in the future"),
    ],
)  # fmt: skip
def test_an_attestation(change, now, outcome):
    assert verdict(ATTESTATION, ATTESTATION_SEEN, now=now, **change).outcome is outcome


def waiver(expires):
    return [
        Waiver(
            promise="shop.x", reason="new release is on its way", approved_by="release board", expires=expires
        )
    ]


def test_a_waiver_covers_a_miss_until_its_day_and_that_day_too():
    assert waive(Verdict("shop.x", MISSED, "late"), waiver(TODAY), TODAY).outcome is WAIVED


def test_an_expired_waiver_covers_nothing():
    found = waive(Verdict("shop.x", MISSED, "late"), waiver(TODAY - timedelta(days=1)), TODAY)
    assert (found.outcome, found.notes) == (
        MISSED,
        (f"its waiver expired on {TODAY - timedelta(days=1)} (approved by release board)",),
    )


def test_a_waiver_never_covers_what_nobody_knows():
    assert waive(Verdict("shop.x", UNKNOWN, "no samples"), waiver(TODAY), TODAY).outcome is UNKNOWN


def test_a_needless_waiver_is_said():
    found = waive(Verdict("shop.x", MET, "fine"), waiver(TODAY), TODAY)
    assert found.outcome is MET
    assert "needless" in found.notes[0]


def test_a_recovery_just_in_time_is_met():
    load = (phase("before", -30, 0), phase("fault", 0, 500), phase("after", 500, 640))
    edge = hops(fault_proven=0, recovered_users=600)
    assert verdict(DRILL, DRILL_SEEN, now=NOW + timedelta(hours=1), hops=edge, load=load).outcome is MET


def test_just_as_many_errors_as_promised_are_met():
    load = (phase("before", -30, 0), phase("fault", 0, 20), phase("after", 20, 50, failed=1))
    edge = verdict(DRILL, DRILL_SEEN, load=load, hops=hops(fault_proven=0, recovered_users=15))
    assert (edge.outcome, edge.measured["errors"]) == (MET, 0.001)


def test_a_hold_is_seen_to_its_last_arrival():
    """A crowd of twenty a second sends its last request up to a second before the stretch ends."""
    load = (phase("before", -30, 0), phase("fault", 0, 20), phase("after", 20, 44))
    assert verdict(DRILL, DRILL_SEEN, load=load, hops=hops(fault_proven=0, recovered_users=15)).outcome is MET
    assert (
        verdict(DRILL, DRILL_SEEN, load=load, hops=hops(fault_proven=0, recovered_users=15.1)).outcome
        is UNKNOWN
    )


def test_a_bucket_may_be_as_long_as_the_rates_own_time():
    whole = {"bucket": timedelta(minutes=1), "good_per_bucket": (6000,), "planned_rate": 100.0}
    assert verdict(CAPACITY, CAPACITY_SEEN, **whole).outcome is MET


def test_a_drill_that_promises_no_share_of_errors_still_counts_them():
    free = DRILL.model_copy(update={"drill": DRILL.drill.model_copy(update={"keeps": None})})
    load = (phase("before", -30, 0), phase("fault", 0, 24, failed=240), phase("after", 24, 60))
    found = verdict(free, DRILL_SEEN, load=load)
    assert (found.outcome, found.measured["errors"]) == (MET, 0.2)
    assert "errors_promised" not in found.measured
