"""Coverage counts what is promised and what was measured on evidence; none of the 500 clauses is lost, renamed or moved."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rundrill.coverage import coverage, covered, tally
from rundrill.coverage_text import coverage_document, coverage_lines
from rundrill.policy import load_policy
from rundrill.saved import Saved, newest_literals, newest_verdicts

ROOT = Path(__file__).parents[2]
POLICIES = ROOT / "tests" / "policies"
SHOP = load_policy(POLICIES / "good" / "slo.yaml")
OURS = load_policy(ROOT / "slo.yaml")
CLAUSES = [line.split() for line in (POLICIES / "clause-ids.txt").read_text().splitlines()]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TARGET = "kube://drill"


def saved(verdict: str, reason: str = "so it was", age: timedelta = timedelta(minutes=5)) -> Saved:
    return Saved(verdict, reason, None, "20261121-115500", NOW - age)


def of(slug: str) -> list[str]:
    return [name for name, _ in CLAUSES if name.startswith(f"{slug}.")]


def test_the_inventory_has_500_clauses_of_five_runbooks() -> None:
    assert Counter(name.partition(".")[0] for name, _ in CLAUSES) == {
        "aic-aipaas": 136,
        "aiaas": 104,
        "ai-pipeline": 110,
        "aia": 72,
        "ai-data-readiness": 78,
    }
    assert len({name for name, _ in CLAUSES}) == 500


@pytest.mark.parametrize("slug", [runbook.runbook for runbook in OURS.runbooks])
def test_every_clause_is_a_promise_under_its_own_id_in_the_runbooks_own_order(slug: str) -> None:
    assert [promise.id for promise in OURS.runbook(slug).promises] == of(slug)
    assert OURS.runbook(slug).clauses == len(of(slug))


def test_what_a_person_does_is_attested_and_little_else() -> None:
    attested = Counter(
        runbook.runbook for runbook in OURS.runbooks for one in runbook.promises if one.attestation
    )
    assert all(count <= 8 for count in attested.values()), attested
    assert attested.total() <= 40


def test_what_can_be_read_waits_for_no_experiment() -> None:
    reading = {name for name, kind in CLAUSES if kind in ("query", "inspect", "static")}
    waiting = [
        promise.id
        for runbook in OURS.runbooks
        for promise in runbook.promises
        if promise.id in reading and (promise.drill or promise.capacity)
    ]
    assert not waiting


@pytest.mark.parametrize(
    ("name", "verdict", "standing", "why"),
    [
        pytest.param("health.pods", saved("MET"), "met", None, id="met"),
        pytest.param("health.pods", saved("MISSED"), "missed", "so it was", id="missed"),
        pytest.param("health.pods", saved("WAIVED"), "missed", "so it was", id="waived is missed by leave"),
        pytest.param("health.pods", saved("UNKNOWN"), "unknown", "so it was", id="unknown"),
        pytest.param("health.pods", None, "unrun", "no run on record", id="never looked at"),
        pytest.param("health.pods", saved("NOT RUN"), "unrun", "so it was", id="never asked for"),
        pytest.param("procedure.more-tills", saved("NOT RUN"), "planned", "open-more-tills.yaml is not written", id="planned"),
        pytest.param("alert.queue", saved("NOT RUN"), "planned", "stop-the-cashier.yaml is not written", id="wired and not proven"),
        pytest.param("alert.queue", saved("MISSED"), "missed", "so it was", id="wired wrong, whoever may prove it"),
        pytest.param("alert.queue", saved("UNKNOWN"), "planned", "not written", id="a plan that nobody could look at"),
        pytest.param("slo.sale", saved("MET"), "lacking", "needs waf", id="met elsewhere, lacking here"),
        pytest.param("review.monthly", saved("MET"), "attested", "signed record", id="a person's word is no measurement"),
    ],
)  # fmt: skip
def test_how_a_promise_stands(name: str, verdict: Saved | None, standing: str, why: str | None) -> None:
    found = covered(SHOP.promise(f"shop.{name}"), SHOP.runbook("shop"), (), verdict)
    assert found.standing == standing
    assert (why is None) == (found.why is None)
    assert (why or "") in (found.why or "")


def test_a_target_that_has_what_is_needed_lacks_nothing() -> None:
    found = covered(SHOP.promise("shop.slo.sale"), SHOP.runbook("shop"), ("waf",), None)
    assert found.standing == "planned"


def test_each_promise_is_counted_once() -> None:
    rows = coverage(SHOP.runbooks, (), {"shop.health.pods": saved("MET"), "shop.slo.orders": saved("MISSED")})
    (whole,) = tally(rows, lambda row: row.runbook)
    assert whole.promises == len(SHOP.promises)
    assert whole.measured == 2


def test_the_table_fits_a_terminal_and_says_how_old_it_is() -> None:
    verdicts = {"shop.health.pods": saved("MET"), "shop.slo.orders": saved("MISSED", age=timedelta(hours=2))}
    lines = coverage_lines(coverage(SHOP.runbooks, (), verdicts), SHOP.runbooks, NOW, listed=True)
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "14 clauses are promises; 2 are measured here;" in text
    assert "2 verdicts are of run 20261121-115500, the newest 5 min old, the oldest 2 h." in text
    assert "  a web application firewall: 1" in text
    assert "planned   shop.procedure.more-tills" in text


def test_a_promise_that_was_lost_shows() -> None:
    shop = SHOP.runbook("shop").model_copy(update={"clauses": 15})
    lines = coverage_lines(coverage([shop], (), {}), [shop], NOW)
    assert any("14/15" in line for line in lines)
    assert any("14 of 15 clauses are promises; 0 are measured here" in line for line in lines)
    assert "No run is on record: `rundrill gate` makes one." in lines


def test_the_document_for_machines_has_every_promise() -> None:
    document = coverage_document(coverage(SHOP.runbooks, (), {}), SHOP.runbooks)
    assert [row["id"] for row in document["rows"]] == [promise.id for promise in SHOP.promises]
    assert sum(document["counts"].values()) == document["promises"] == len(SHOP.promises)
    assert json.loads(json.dumps(document)) == document


def report(reports: Path, run: str, target: str = TARGET, looked: bool = False, **verdicts: str) -> None:
    at = "2026-11-21T10:59:00+00:00" if looked else None
    promises = [
        {"id": f"shop.{name}", "verdict": verdict, "reason": run, "because": None, "taken_at": at}
        for name, verdict in verdicts.items()
    ]
    defects = [{"promise": f"shop.{name}", "shown": True} for name in verdicts]
    folder = reports / run
    folder.mkdir(parents=True)
    said = {"run": {"id": run, "target": target, "ended": "2026-11-21T11:00:00+00:00"}}
    (folder / "report.json").write_text(json.dumps({**said, "promises": promises, "defects": defects}))


@pytest.mark.parametrize(
    ("older", "newer", "verdict"),
    [
        pytest.param(
            ("MISSED", True), ("NOT RUN", True), "NOT RUN", id="a rule that was wrong and is mended"
        ),
        pytest.param(
            ("MET", True), ("NOT RUN", True), "MET", id="a drill that proved it, and a look at its wiring"
        ),
        pytest.param(
            ("MISSED", True), ("NOT RUN", False), "MISSED", id="a fault that nobody looked at since"
        ),
        pytest.param(
            ("MET", True),
            ("MISSED", True),
            "MISSED",
            id="a drill that proved it, and wiring that broke since",
        ),
        pytest.param(("NOT RUN", True), ("NOT RUN", False), "NOT RUN", id="nobody ever proved it"),
    ],
)
def test_wiring_that_was_looked_at_outlives_an_older_fault(
    tmp_path: Path, older: tuple[str, bool], newer: tuple[str, bool], verdict: str
) -> None:
    for run, (said, looked) in (("20261121-100000", older), ("20261121-110000", newer)):
        report(tmp_path, run, looked=looked, a=said)
    assert newest_verdicts(tmp_path, TARGET)["shop.a"].verdict == verdict


def test_the_newest_run_that_looked_at_a_promise_speaks_for_it(tmp_path: Path) -> None:
    report(tmp_path, "20261121-100000", a="MISSED", b="MET", c="NOT RUN")
    report(tmp_path, "20261121-110000", a="MET", b="NOT RUN")
    report(tmp_path, "20261121-120000", target="kube://other", a="UNKNOWN")
    report(tmp_path, "20261121-130000", b="NOT RUN")
    (tmp_path / "20261121-140000").mkdir()
    (tmp_path / "20261121-140000" / "report.json").write_text("{")
    found = newest_verdicts(tmp_path, TARGET)
    assert {name: (one.verdict, one.run) for name, one in found.items()} == {
        "shop.a": ("MET", "20261121-110000"),
        "shop.b": ("MET", "20261121-100000"),
        "shop.c": ("NOT RUN", "20261121-100000"),
    }
    assert newest_literals(tmp_path, TARGET)["shop.a"]["run"] == "20261121-110000"
