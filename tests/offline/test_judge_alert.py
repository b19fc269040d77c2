"""Alerts: the loaded rule and route, and the drill that proves them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from game_day import (
    ACCELERATED,
    ALERT,
    ALERT_DRILL,
    ALERT_SEEN,
    CHANNEL,
    CHANNEL_SEEN,
    NOW,
    ROUTE,
    RULE,
    START,
    at,
    evidence,
    hops,
    phase,
)

from rundrill.evidence import Hop, Step
from rundrill.judge import judge
from rundrill.profile import Profile
from rundrill.verdict import Because, Outcome

MET, MISSED, UNKNOWN, NOT_RUN = Outcome.MET, Outcome.MISSED, Outcome.UNKNOWN, Outcome.NOT_RUN


def verdict(seen, of=ALERT, profile=ACCELERATED):
    return judge(of, evidence(of, seen), profile, NOW)


def drilled(**change):
    return verdict(replace(ALERT_SEEN, drill=replace(ALERT_DRILL, **change)))


def moved(**times):
    """The drill's hops with some of them at another time, or gone where the time is None."""
    changed = {
        name.replace("witness_", "witness:").replace("resolved_", "resolved:"): after
        for name, after in times.items()
    }
    kept = tuple(hop for hop in ALERT_DRILL.hops if hop.name not in changed)
    return kept + tuple(Hop(name, at(after), "test") for name, after in changed.items() if after is not None)


@pytest.mark.parametrize(
    ("rule", "outcome", "words"),
    [
        pytest.param(None, MISSED, "no rule with promise=shop.alert.service-down is loaded", id="a deleted rule is missed"),
        pytest.param(replace(RULE, health="err"), UNKNOWN, "cannot evaluate", id="a rule that fails to evaluate is unknown"),
        pytest.param(replace(RULE, last_evaluation=None), UNKNOWN, "never evaluated", id="a rule that never ran is unknown"),
        pytest.param(replace(RULE, last_evaluation=at(-600)), UNKNOWN, "was last evaluated", id="a rule that stopped is unknown"),
        pytest.param(replace(RULE, for_=timedelta(seconds=30)), MISSED, "waits for 30 s, promised 12 s (2 min paced)", id="a longer for is missed"),
        pytest.param(replace(RULE, for_=timedelta(0)), MISSED, "waits for 0 s", id="no for at all is missed"),
        pytest.param(replace(RULE, labels={"severity": "warning"}), MISSED, "has severity warning, promised critical", id="another severity is missed"),
        pytest.param(replace(RULE, labels={}), MISSED, "has severity none", id="no severity is missed"),
        pytest.param(replace(RULE, expr="up == 0", expr_same=False), MISSED, "says up == 0, expected absent", id="another expression is missed"),
        pytest.param(replace(RULE, expr_same=None), UNKNOWN, "nobody compared", id="an expression that nobody compared is unknown"),
    ],
)  # fmt: skip
def test_the_loaded_rule_is_the_promised_one(rule, outcome, words):
    found = verdict(replace(ALERT_SEEN, rule=rule))
    assert found.outcome is outcome
    assert words in found.reason


@pytest.mark.parametrize(
    ("route", "words"),
    [
        pytest.param(None, "no route", id="no route"),
        pytest.param(
            replace(ROUTE, receivers=("pager",)),
            "leads to pager, promised chat, pager",
            id="one receiver short",
        ),
        pytest.param(
            replace(ROUTE, receivers=("pager", "chat", "mail")),
            "leads to chat, mail, pager",
            id="one receiver more",
        ),
        pytest.param(
            replace(ROUTE, receivers=("pager", "chat", "newsletter")),
            "newsletter, where it must never go",
            id="a banned receiver",
        ),
        pytest.param(replace(ROUTE, send_resolved=False), "no resolved notice", id="no resolved notice"),
    ],
)
def test_another_route_than_promised_is_missed(route, words):
    found = verdict(replace(ALERT_SEEN, route=route))
    assert found.outcome is MISSED
    assert words in found.reason


def test_wired_without_a_fault_is_not_run():
    found = verdict(replace(ALERT_SEEN, drill=None))
    assert (found.outcome, found.reason) == (NOT_RUN, "wired as promised; not proven: needs --disruptive")


def test_an_alert_whose_experiment_nobody_wrote_says_so_and_is_counted_apart():
    seen = replace(ALERT_SEEN, drill=None, unwritten=("experiments/lose-the-login.yaml",))
    found = verdict(seen)
    assert (found.outcome, found.because) == (Outcome.NOT_RUN, Because.PLANNED)
    assert found.reason == (
        "wired as promised; not proven: experiments/lose-the-login.yaml is not written yet"
    )
    assert verdict(replace(seen, unwritten=())).because is Because.DISRUPTIVE
    assert verdict(replace(seen, rule=None)).outcome is MISSED


@pytest.mark.parametrize(
    ("labels", "annotations", "outcome", "words"),
    [
        pytest.param({"team": "tills"}, {"summary": "gone"}, MET, "", id="as promised"),
        pytest.param({}, {"summary": "gone"}, MISSED, "has no label team, promised 'tills'", id="no label"),
        pytest.param(
            {"team": "ovens"}, {"summary": "gone"}, MISSED, "label team='ovens'", id="another label"
        ),
        pytest.param({"team": "tills"}, {}, MISSED, "no annotation summary", id="no annotation"),
        pytest.param(
            {"team": "tills", "more": "1"}, {"summary": "gone", "more": "1"}, MET, "", id="more than promised"
        ),
    ],
)
def test_the_loaded_rule_carries_what_was_promised(labels, annotations, outcome, words):
    carries = {"labels": {"team": "tills"}, "annotations": {"summary": "gone"}}
    of = ALERT.model_copy(update={"alert": ALERT.alert.model_copy(update=carries)})
    rule = replace(RULE, labels={**RULE.labels, **labels}, annotations=annotations)
    found = verdict(replace(ALERT_SEEN, rule=rule), of)
    assert found.outcome is outcome, found.reason
    assert words in found.reason


def test_without_acceleration_the_promised_times_are_the_runbooks():
    real = replace(RULE, for_=timedelta(minutes=2))
    assert verdict(replace(ALERT_SEEN, rule=real, drill=None), profile=Profile()).outcome is NOT_RUN


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"quiet_before": False}, "was firing before the fault", id="an alert that already fires"),
        pytest.param({"quiet_before": None}, "was not looked at before", id="nobody looked whether it was quiet"),
        pytest.param({"proof": None}, "the fault was not proven", id="a fault that did not bite"),
        pytest.param({"proof": ""}, "the fault was not proven", id="an empty proof"),
        pytest.param({"steady_before": False}, "steady state was not met", id="no steady state before"),
        pytest.param({"steady_before": None}, "steady state was not looked at", id="nobody looked at the steady state"),
        pytest.param({"undone": None}, "that the fault was undone", id="an undo that failed"),
        pytest.param({"interrupted": True}, "interrupted", id="an interrupted drill"),
        pytest.param({"journal_status": "aborted"}, "aborted", id="an aborted experiment"),
        pytest.param({"journal_status": "failed"}, "ended as 'failed'", id="an experiment that deviated"),
        pytest.param({"steps": ()}, "tells of no step", id="an empty journal"),
        pytest.param({"experiment": "another"}, "of the experiment 'another'", id="another experiment"),
        pytest.param({"load": ()}, "no load in the phase 'before'", id="no load at all"),
        pytest.param({"steps": (Step("undo", "failed", None, None, error="boom"),)}, "the step 'undo' failed: boom", id="a step that failed"),
        pytest.param({"hops": moved(firing=None)}, "nobody saw the rule fire", id="a page without a firing rule"),
        pytest.param({"hops": moved(fault_proven=None)}, "when the fault was proven", id="no time of the fault"),
        pytest.param({"hops": moved(witness_chat=-5)}, "before the fault was proven", id="a page from before the fault"),
        pytest.param({"hops": moved(firing=90)}, "arrived before the rule fired", id="a page from before the rule fired"),
        pytest.param({"hops": moved(resolved_chat=86400)}, "in the future", id="a time in the future"),
        pytest.param({"hops": moved(undone=-86400)}, "before the drill began", id="a time before the drill"),
    ],
)  # fmt: skip
def test_a_drill_that_proves_nothing_is_unknown(change, words):
    found = drilled(**change)
    assert found.outcome is UNKNOWN
    assert words in found.reason


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        pytest.param(0, UNKNOWN, id="a crowd that sent nothing proves nothing"),
        pytest.param(455, UNKNOWN, id="a crowd below 95 % of plan proves nothing"),
        pytest.param(456, MET, id="a crowd at 95 % of plan is enough"),
    ],
)
def test_the_crowd_is_as_large_as_planned(sent, outcome):
    before, fault, after = ALERT_DRILL.load
    thin = replace(fault, sent=sent, failed=min(sent, fault.failed))
    assert drilled(load=(before, thin, after)).outcome is outcome


def test_a_phase_without_plan_proves_nothing():
    before, fault, after = ALERT_DRILL.load
    assert drilled(load=(before, replace(fault, planned=0, sent=0, failed=0), after)).outcome is UNKNOWN


@pytest.mark.parametrize(
    ("times", "outcome", "words"),
    [
        pytest.param({"witness_chat": None}, MISSED, "never arrived at chat; the rule fired after 14.2 s", id="one receiver never had it"),
        pytest.param({"witness_chat": None, "witness_pager": None, "firing": None}, MISSED, "the rule never fired", id="a rule that never fired"),
        pytest.param({"witness_chat": 18}, MET, "reached pager, chat after 18 s", id="exactly in time is met"),
        pytest.param({"witness_chat": 18.001}, MISSED, "after 18.001 s, promised 18 s (3 min paced)", id="a millisecond late is missed"),
        pytest.param({"witness_newsletter": 16}, MISSED, "newsletter, where it must never go", id="a banned receiver had it"),
        pytest.param({"resolved_chat": None}, MISSED, "never resolved at chat", id="one receiver was never told of the end"),
        pytest.param({"resolved_chat": 15}, MISSED, "resolved before it arrived", id="the end came before the alert"),
        pytest.param({"firing": 8.9}, MISSED, "an outage shorter than 9 s (1 min 30 s paced) would have paged", id="fired too early"),
        pytest.param({"firing": 9}, MET, "", id="fired as early as is allowed"),
    ],
)  # fmt: skip
def test_the_way_of_the_alert(times, outcome, words):
    found = drilled(hops=moved(**times))
    assert found.outcome is outcome, found.reason
    assert words in found.reason


def test_late_says_where_the_time_went():
    reason = drilled(hops=moved(witness_chat=25, witness_pager=25)).reason
    assert reason.endswith(
        "late between Alertmanager and reached pager: took 10.7 s, the settings allow 1 s (group_wait 1 s)"
    )


def test_late_by_design_is_told_apart():
    slow = replace(
        ALERT_SEEN,
        route=replace(ROUTE, group_wait=timedelta(seconds=30)),
        drill=replace(ALERT_DRILL, hops=moved(alertmanager=14.3, witness_chat=40, witness_pager=40)),
    )
    assert "late by design: the loaded settings allow" in verdict(slow).reason


def test_the_figures_of_a_drill_are_complete():
    measured = drilled().measured
    assert {
        name: measured[name]
        for name in ("detected_after_s", "notified_after_s", "recovered_after_s", "resolved_after_s")
    } == {
        "detected_after_s": 14.2,
        "notified_after_s": 15.5,
        "recovered_after_s": 26.5,
        "resolved_after_s": 7.6,
    }
    assert measured["hops"][0] == {
        "name": "fault_proven",
        "at": START.isoformat(),
        "after_s": 0.0,
        "source": "prometheus",
    }
    assert [row["phase"] for row in measured["load"]] == ["before", "fault", "after"]


def test_acceleration_and_other_alerts_are_said():
    assert drilled().notes == ("time accelerated 10 times", "also fired: HighErrorRate")


def test_a_channel_reaches_nobody_else():
    extra = (*CHANNEL_SEEN.drill.hops, *hops(witness_pager=1))
    found = verdict(replace(CHANNEL_SEEN, drill=replace(CHANNEL_SEEN.drill, hops=extra)), CHANNEL)
    assert (found.outcome, found.reason) == (MISSED, "arrived at pager, where it must never go")


def test_a_channel_needs_no_rule_and_no_crowd():
    assert verdict(CHANNEL_SEEN, CHANNEL).outcome is MET


def test_a_channel_that_stays_silent_is_missed():
    silent = replace(CHANNEL_SEEN.drill, hops=hops(fault_proven=0, alertmanager=0.1))
    found = verdict(replace(CHANNEL_SEEN, drill=silent), CHANNEL)
    assert (found.outcome, found.reason) == (MISSED, "never arrived at chat; reached nobody")


def test_a_page_after_a_failed_step_is_still_too_late():
    failed = (Step("alert-arrives", "failed", None, None, error="deadline passed"),)
    assert drilled(steps=failed, hops=moved(witness_chat=None)).outcome is MISSED


def test_a_page_that_is_missing_after_our_own_action_failed_is_nobodys_miss():
    failed = (Step("inject-more", "failed", None, None, error="403 forbidden", action=True),)
    found = drilled(steps=failed, hops=moved(witness_chat=None))
    assert found.outcome is UNKNOWN, found.reason
    assert "'inject-more' failed: 403" in found.reason


def test_phases_that_contradict_themselves_are_unknown():
    assert drilled(load=(phase("before", 0, -1), *ALERT_DRILL.load[1:])).outcome is UNKNOWN


def test_an_alert_that_promises_no_silence_may_fire_at_once():
    prompt = ALERT.model_copy(update={"alert": ALERT.alert.model_copy(update={"quiet_for": None})})
    seen = replace(ALERT_SEEN, drill=replace(ALERT_DRILL, hops=moved(firing=2)))
    assert verdict(seen, prompt).outcome is MET


def test_an_alert_that_fires_right_now_says_so():
    firing = replace(ALERT_SEEN, drill=None, rule=replace(RULE, state="firing"))
    assert "it is firing now" in verdict(firing).notes
