"""What a policy promises and its own settings forbid is said before anything runs."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from rundrill.feasible import expected_hops, impossible
from rundrill.lint import budgets, lint
from rundrill.policy import load_policy
from rundrill.profile import Profile
from rundrill.promise import Alert

ROOT = Path(__file__).parents[2]
GOOD = Path(__file__).parents[1] / "policies" / "good"
TODAY = date(2026, 11, 21)


def test_our_own_policy_has_no_findings() -> None:
    assert lint(ROOT / "slo.yaml", TODAY) == ()


def test_the_good_policy_has_no_findings() -> None:
    assert lint(GOOD / "slo.yaml", TODAY) == ()


@pytest.mark.parametrize(
    ("file", "good", "bad", "finding"),
    [
        ("runbooks/shop.yaml", "for: 2m", "for: 5x", "runbooks/shop.yaml:38: shop.alert.down.alert.for: '5x' is not a duration (try 5m)"),
        ("runbooks/shop.yaml", "notified_within: 10m", "notified_within: 2m", "shop.alert.down: in profile real, notified_within 2m is less than the 7m40s that the settings allow (20s to first_bad_sample + 5m10s to pending + 2m to firing + 10s to witness)"),
        ("runbooks/shop.yaml", "notified_within: 10m", "notified_within: 10m\n      quiet_for: 90s", "shop.alert.down: in profile real, quiet_for 1m30s may page: the query sees the fault for up to 6m30s, and `for` is 2m"),
        ("runbooks/shop.yaml", "[5m] offset 1m)", "[15s])", "shop.alert.down: in profile real, a range of 15s holds less than two samples at a scrape every 10s"),
        ("runbooks/shop.yaml", "or rate(orders_total", "or sum(up{job=\"shop\"}) == 0 or rate(orders_total", "shop.alert.down: its `for` begins anew whenever one side of `or` takes over from the other, since their series bear different labels: {job} by absent(up{job=\"shop\"}); no label by sum(up{job=\"shop\"}) == 0"),
        ("runbooks/shop.yaml", "receivers: [pager]", "receivers: [mailbox]", "shop.review.monthly: shop.alert.down does not reach pager (it reaches mailbox)"),
        ("runbooks/shop.yaml", "severity: warning, receivers: [mailbox], never: [pager]", "severity: critical, receivers: [mailbox], never: [pager]", "shop.alert.channel-mail: never pager, but severity critical goes there"),
        ("runbooks/shop.yaml", "severity: warning, receivers: [mailbox], never: [pager]", "severity: critical, receivers: [mailbox]", "shop.alert.down: severity critical also reaches mailbox, by other promises"),
        ("runbooks/shop.yaml", "mailbox: {kind", "drawer: {kind: email, meaning: is never read}\n  mailbox: {kind", "shop: no alert reaches drawer"),
        ("runbooks/shop.yaml", "reaches: pager, within: 10m", "reaches: pager, within: 5m", "shop.review.monthly: measured within 5m, but shop.alert.down promises 10m"),
        ("runbooks/shop.yaml", "rpo: 24h", "rpo: 30m", "shop.restore.nightly: in profile real, a backup every 1h cannot keep an rpo of 30m"),
        ("slo.yaml", "objective_window: 2m", "objective_window: 1s", "shop.slo.orders: in profile fast, its window holds less than two samples"),
        ("runbooks/shop.yaml", "experiments: [", "experiments: [lose-the-shop, ", "shop: experiments/lose-the-shop.yaml is there; take it out of `planned`"),
        ("runbooks/shop.yaml", "title: The shop", "title: The shop\nclauses: 15", "shop: 14 promises, and the runbook has 15 clauses"),
        ("experiments/lose-the-shop.yaml", "func: scale_to_zero", "func: scale_to_nought", "experiments/lose-the-shop.yaml: close-the-shop: there is no rundrill.faults.scale.scale_to_nought"),
        ("experiments/lose-the-shop.yaml", "workload: shop, seen_on: /orders}", "workloads: shop, seen_on: /orders}", "experiments/lose-the-shop.yaml: close-the-shop: scale_to_zero: missing a required argument: 'workload'"),
        ("experiments/lose-the-shop.yaml", "module: rundrill.faults.scale\n      func: scale_to_zero\n      arguments: {namespace: shop, workload: shop, seen_on: /orders}", "module: rundrill.faults.undo\n      func: undo_all", "experiments/lose-the-shop.yaml: its method injects no fault and begins no procedure"),
        ("experiments/lose-the-shop.yaml", "func: alert_is_quiet, arguments: {id: shop.alert.down}", "func: alert_is_quiet, arguments: {id: shop.alert.up}", "experiments/lose-the-shop.yaml: alert-is-quiet: there is no promise shop.alert.up"),
        ("experiments/lose-the-shop.yaml", "func: alert_resolves, arguments: {id: shop.alert.down}", "func: alert_is_quiet, arguments: {id: shop.alert.down}", "experiments/lose-the-shop.yaml: shop.alert.down must be seen to be resolved, and nothing asks (alert_resolves)"),
        ("experiments/lose-the-shop.yaml", "crowd: shoppers", "crowd: thieves", "experiments/lose-the-shop.yaml: shop.procedure.restart is promised under shoppers, and it runs under thieves"),
        ("experiments/lose-the-shop.yaml", "- name: open-the-shop", "- background: true\n    name: open-the-shop", "experiments/lose-the-shop.yaml: open-the-shop: runs in the background, where no time-out ends it"),
        ("experiments/lose-the-shop.yaml", "type: python\n      module: rundrill.faults.scale", "type: process\n      module: rundrill.faults.scale", "experiments/lose-the-shop.yaml: close-the-shop: is of the type process, which no time-out ends"),
        ("experiments/lose-the-shop.yaml", "func: scale_to_zero\n", "func: scale_to_zero\n      timeout: soon\n", "experiments/lose-the-shop.yaml: close-the-shop: timeout: 'soon' is not a duration (try 5m)"),
        ("experiments/lose-the-shop.yaml", "seen_on: /orders", "seen_on: /orders/$$", "experiments/lose-the-shop.yaml: close-the-shop: Chaos Toolkit fills in what begins with a dollar, and would change '/orders/$$'"),
        ("experiments/lose-the-shop.yaml", "  - name: open-the-shop", "  - name: it-is-seen\n    type: probe\n    provider: {type: python, module: rundrill.conditions, func: proven, arguments: {probe: {}, expect: {}}}\n  - name: open-the-shop", "experiments/lose-the-shop.yaml: it-is-seen: proves what nobody looked for before the fault (not_yet)"),
        ("experiments/lose-the-shop.yaml", "rollbacks:", "afterwards:", "experiments/lose-the-shop.yaml: its rollbacks do not call rundrill.faults.undo"),
        ("runbooks/shop.yaml", "under: shoppers, within: 5m, keeps: {errors: 0.1%}", "under: shoppers, within: 5m, then: [{probe: {workload: {namespace: shop, kind: Deployment, names: [shop]}}, expect: {ready: {at_least: 1}}}]", "experiments/lose-the-shop.yaml: shop.procedure.restart says what must be so when it is done, and nothing asks (is_done)"),
        ("slo.yaml", "expires: 2999-12-31", "expires: 2026-11-20", "shop.health.pods: its waiver expired on 2026-11-20; take it out or renew it"),
    ],
)  # fmt: skip
def test_a_finding_is_one_line(tmp_path: Path, file: str, good: str, bad: str, finding: str) -> None:
    shop = Path(shutil.copytree(GOOD, tmp_path / "shop"))
    text = (shop / file).read_text()
    assert good in text
    (shop / file).write_text(text.replace(good, bad))
    assert finding in lint(shop / "slo.yaml", TODAY)


def test_a_waiver_holds_on_its_last_day(tmp_path: Path) -> None:
    shop = Path(shutil.copytree(GOOD, tmp_path / "shop"))
    (shop / "slo.yaml").write_text((shop / "slo.yaml").read_text().replace("2999-12-31", str(TODAY)))
    assert lint(shop / "slo.yaml", TODAY) == ()


def test_the_error_budget_of_each_objective_is_told() -> None:
    assert budgets(load_policy(GOOD / "slo.yaml")) == (
        "shop.slo.orders: 99.9% over 30d leaves 43m12s of error budget",
        "shop.slo.latency: 95% over 30d leaves 1d12h of error budget",
    )


def test_the_hops_of_an_alert_add_up_by_the_settings() -> None:
    profile = Profile(accelerated=10)
    alert = Alert.model_validate(
        {
            "when": "sum(rate(x[1m])) > 1",
            "for": "2m",
            "severity": "critical",
            "receivers": ["pager"],
            "notified_within": "4m",
            "proven_by": "lose-the-shop",
        }
    )
    assert expected_hops(alert, profile) == {
        "first_bad_sample": timedelta(seconds=2),
        "pending": timedelta(seconds=7),
        "firing": timedelta(seconds=12),
        "witness": timedelta(seconds=1),
    }
    assert list(impossible(alert, profile)) == []
