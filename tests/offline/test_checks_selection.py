"""What a run measures, and why the rest is not run."""

from pathlib import Path

import pytest

from rundrill.errors import PolicyError
from rundrill.policy import Policy, load_policy
from rundrill.promise import Promise
from rundrill.selection import Asked, asked_for, check_of, chosen, in_turns, left_out, order_of, why_not
from rundrill.verdict import Because

ROOT = Path(__file__).resolve().parents[2]
SLUG = "aic-aipaas"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(ROOT / "slo.yaml")


@pytest.fixture(scope="module")
def shop() -> Policy:
    return load_policy(ROOT / "tests" / "policies" / "good" / "slo.yaml")


def promise(policy: Policy, name: str) -> Promise:
    return policy.promise(f"{SLUG}.{name}")


def not_run(policy: Policy, asked: Asked) -> set[str]:
    runbook = policy.runbook(SLUG)
    return {
        one.id.removeprefix(f"{SLUG}.")
        for one in runbook.promises
        if why_not(one, asked, runbook, ()) and not runbook.unwritten(one) and not one.needs
    }


def test_a_run_that_only_reads_leaves_out_what_changes_the_target(policy: Policy) -> None:
    left = {
        one.id.removeprefix(f"{SLUG}.")
        for one in policy.runbook(SLUG).promises
        if one.kind in ("drill", "capacity", "restore")
        and not policy.runbook(SLUG).unwritten(one)
        and not one.needs
    }
    assert not_run(policy, Asked()) == left


def test_a_disruptive_run_leaves_out_nothing_that_the_target_can_do(policy: Policy) -> None:
    assert not_run(policy, Asked(disruptive=True)) == set()


def test_a_game_day_runs_its_own_experiments_and_restores(policy: Policy) -> None:
    asked = asked_for(policy, False, "first", ())
    assert asked.may_disrupt
    assert promise(policy, "procedure.node-drain").id.removeprefix(f"{SLUG}.") in not_run(policy, asked)
    assert "restore.manual-dump" not in not_run(policy, asked)
    assert chosen(policy, asked) == {"lose-the-auth-service", "synthetic-alert"}


def test_an_experiment_named_alone_brings_the_promises_that_it_proves(policy: Policy) -> None:
    asked = asked_for(policy, True, None, ["lose-the-auth-service"])
    runbook = policy.runbook(SLUG)
    measured = {one.id for one in runbook.promises if not why_not(one, asked, runbook, ())}
    assert measured == {f"{SLUG}.alert.service-down"}
    assert chosen(policy, asked) == {"lose-the-auth-service"}


def test_a_capability_that_the_target_lacks_is_named(policy: Policy) -> None:
    needy = promise(policy, "cache.ping").model_copy(update={"needs": ("grafana",)})
    runbook = policy.runbook(SLUG)
    left = why_not(needy, Asked(), runbook, ())
    assert left
    assert left.says == "needs grafana, which the target does not have"
    assert left.because is Because.CAPABILITY
    assert why_not(needy, Asked(), runbook, ("grafana",)) is None


def test_what_was_not_asked_for_is_not_blamed_on_the_target(policy: Policy) -> None:
    needy = promise(policy, "cache.ping").model_copy(update={"needs": ("grafana",)})
    asked = Asked(only=("aic-aipaas.slo.availability",))
    left = why_not(needy, asked, policy.runbook("aic-aipaas"), ())
    assert left is not None
    assert left.because is Because.UNASKED


@pytest.mark.parametrize(
    ("name", "asked", "because", "words"),
    [
        pytest.param(
            "procedure.more-tills",
            Asked(disruptive=True),
            Because.PLANNED,
            "experiments/open-more-tills.yaml is not written yet",
            id="a drill that nobody wrote, however much is asked for",
        ),
        pytest.param(
            "procedure.more-tills",
            Asked(),
            Because.PLANNED,
            "experiments/open-more-tills.yaml is not written yet",
            id="a drill that nobody wrote is not one that needs leave",
        ),
        pytest.param("procedure.restart", Asked(), Because.DISRUPTIVE, "needs --disruptive", id="a drill"),
        pytest.param("slo.sale", Asked(), Because.CAPABILITY, "needs waf", id="first what the target lacks"),
        pytest.param(
            "health.pods", Asked(only=("shop.slo.orders",)), Because.UNASKED, "not asked for", id="others"
        ),
        pytest.param(
            "health.pods", Asked(runbooks=("bank",)), Because.UNASKED, "not asked for", id="elsewhere"
        ),
    ],
)
def test_what_is_not_measured_is_counted_by_its_cause(
    shop: Policy, name: str, asked: Asked, because: Because, words: str
) -> None:
    left = why_not(shop.promise(f"shop.{name}"), asked, shop.runbook("shop"), ())
    assert left
    assert (left.because, words in left.says) == (because, True), left


def test_a_crowd_that_nobody_wrote_is_named(shop: Policy) -> None:
    left = why_not(shop.promise("shop.slo.sale"), Asked(disruptive=True), shop.runbook("shop"), ("waf",))
    assert left
    assert left.says == "loadtests/bargain-hunters.py is not written yet"


def test_an_alert_whose_experiment_is_planned_is_looked_at_for_its_wiring(shop: Policy) -> None:
    assert why_not(shop.promise("shop.alert.queue"), Asked(), shop.runbook("shop"), ()) is None


def test_a_run_of_everything_runs_what_is_written(shop: Policy) -> None:
    asked = Asked(disruptive=True)
    assert chosen(shop, asked) == {"lose-the-shop", "synthetic-alert", "shoppers"}
    stages = {
        name: order_of(shop.promise(f"shop.{name}"), asked, chosen(shop, asked))[0]
        for name in ("alert.down", "alert.queue")
    }
    assert stages["alert.queue"] == 3 < stages["alert.down"]


def test_a_runbook_may_be_asked_for_alone(shop: Policy) -> None:
    asked = asked_for(shop, False, None, (), ("shop",))
    assert not left_out(shop.promise("shop.slo.orders"), asked, "shop")
    assert left_out(shop.promise("shop.slo.orders"), asked, "bank")
    with pytest.raises(PolicyError, match="no runbook is called 'shops'"):
        asked_for(shop, False, None, (), ("shops",))


@pytest.mark.parametrize(
    ("gameday", "only", "words"),
    [
        pytest.param("last", (), "expected one of: first, all", id="an unknown game day"),
        pytest.param(
            None, ("lose-everything",), "neither a promise's id nor an experiment", id="an unknown name"
        ),
    ],
)
def test_a_name_that_the_policy_does_not_know_is_refused(
    policy: Policy, gameday: str | None, only: tuple[str, ...], words: str
) -> None:
    with pytest.raises(PolicyError, match=words):
        asked_for(policy, False, gameday, only)


def test_what_only_reads_comes_before_what_disturbs(policy: Policy) -> None:
    asked = Asked(disruptive=True)
    ordered = sorted(policy.promises, key=lambda one: order_of(one, asked, None))
    kinds = list(dict.fromkeys(one.kind for one in ordered))
    assert kinds == ["objective", "state", "attestation", "restore", "alert", "drill", "capacity"]


def test_every_promise_has_a_check(policy: Policy) -> None:
    for one in policy.promises:
        words = [path.read_text() for path in (ROOT / "checks").glob("test_*.py")]
        assert sum(f"({check_of(one)}, evidence, judge)" in text for text in words) == 1, one.id


def test_a_check_is_three_lines() -> None:
    for path in (ROOT / "checks").glob("test_*.py"):
        lines = [line for line in path.read_text().splitlines() if line]
        assert len(lines) == 4, path.name
        assert not [line for line in lines if "import" in line]


def test_on_a_game_day_channels_come_first_while_the_window_fills(policy: Policy) -> None:
    asked = asked_for(policy, False, "first", ())
    ordered = sorted(policy.promises, key=lambda one: order_of(one, asked, chosen(policy, asked)))
    at = {one.id: place for place, one in enumerate(ordered)}
    drilled = at["aic-aipaas.alert.service-down"]
    assert at["aic-aipaas.alert.channel-critical"] < at["aic-aipaas.slo.availability"] < drilled
    assert at["aic-aipaas.slo.availability"] < at["aic-aipaas.restore.manual-dump"] < drilled


def test_platforms_are_asked_in_turns() -> None:
    names = ["a.1", "a.2", "a.3", "b.1", "c.1", "c.2"]
    turns = in_turns(names, lambda name: name[0])  # type: ignore[arg-type]
    assert turns == ["a.1", "b.1", "c.1", "a.2", "c.2", "a.3"]
