"""report.json, evidence/ and the manifest."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from game_day import MET
from sample_run import NASTY, a_run, row

import rundrill.report
from rundrill.report import gate_exit, read_report, write_manifest, write_report
from rundrill.report.document import document
from rundrill.verdict import Outcome

SCHEMA = json.loads((Path(rundrill.report.__file__).parent / "report.schema.json").read_text())
CHECK = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run")
    write_report(a_run(), directory)
    return directory


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_written_report_follows_the_schema(written):
    CHECK.validate(read_report(written))


@pytest.mark.parametrize(
    "change", [{"rows": ()}, {"interrupted": True}, {"defects": ()}, {"versions": {}}], ids=str
)
def test_an_odd_run_follows_the_schema_too(change):
    CHECK.validate(document(a_run(**change)))


def first(report, **known):
    return next(
        promise
        for promise in report["promises"]
        if all(promise[key] == value for key, value in known.items())
    )


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        ("alert", "hops"),
        ("alert", "notified_after_s"),
        ("drill", "recovered_after_s"),
        ("drill", "load"),
        ("restore", "rto_s"),
        ("restore", "rows_compared"),
        ("objective", "share"),
        ("capacity", "kept"),
    ],
)
def test_the_schema_refuses_met_without_its_figures(written, kind, taken):
    report = read_report(written)
    del first(report, kind=kind, verdict="MET")["measured"][taken]
    with pytest.raises(jsonschema.ValidationError):
        CHECK.validate(report)


def test_the_schema_refuses_met_without_evidence(written):
    report = read_report(written)
    first(report, verdict="MET", kind="state")["evidence"] = None
    with pytest.raises(jsonschema.ValidationError):
        CHECK.validate(report)


def test_the_document_is_the_golden_one():
    golden = GOLDEN / "report.json"
    made = json.dumps(document(a_run()), indent=1, ensure_ascii=False) + "\n"
    assert made == golden.read_text(), f"if the change is meant, write it to {golden.name}"


def test_every_file_of_the_report_is_in_the_manifest(written):
    lines = dict(line.split("  ")[::-1] for line in (written / "MANIFEST.sha256").read_text().splitlines())
    files = {path.relative_to(written).as_posix() for path in written.rglob("*") if path.is_file()} - {
        "MANIFEST.sha256"
    }
    assert set(lines) == files
    for name, digest in lines.items():
        assert hashlib.sha256((written / name).read_bytes()).hexdigest() == digest


def test_what_pytest_writes_later_is_left_out(tmp_path):
    (tmp_path / "junit.xml").write_text("<testsuites/>")
    (tmp_path / "report.json").write_text("{}")
    assert "junit.xml" not in write_manifest(tmp_path).read_text()


def test_evidence_holds_the_facts_and_the_raw_answers(written):
    seen = json.loads((written / "evidence" / "shop.alert.service-down.json").read_text())
    assert seen["seen"]["rule"]["for"] == 12.0
    assert seen["raw"] == [
        {
            "source": "prometheus",
            "asked": "GET /api/v1/rules",
            "answered": {"status": "success"},
            "at": "2026-11-21T09:30:12+00:00",
        }
    ]
    assert seen["promised"]["alert"]["notified_within"] == "3m"


def test_what_could_not_be_measured_has_no_evidence_file(written):
    assert first(read_report(written), id="shop.health.pods")["evidence"] is None
    assert not (written / "evidence" / "shop.health.pods.json").exists()


def test_text_from_the_world_stands_as_it_was(written):
    assert NASTY in first(read_report(written), id="shop.config.banner")["reason"]


def judged(*outcomes_and_gates):
    """A run with one row for each outcome and gate."""
    whole = row(*MET["objective"])
    return a_run(
        rows=tuple(
            replace(
                whole,
                promise=whole.promise.model_copy(update={"gate": gate}),
                verdict=replace(whole.verdict, outcome=outcome),
            )
            for outcome, gate in outcomes_and_gates
        )
    )


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        pytest.param([("MET", "must")], 0, id="all met goes on"),
        pytest.param(
            [("MET", "must"), ("WAIVED", "must"), ("NOT RUN", "must")], 0, id="waived and not run go on"
        ),
        pytest.param(
            [("MET", "must"), ("MISSED", "should"), ("UNKNOWN", "should")], 0, id="should never blocks"
        ),
        pytest.param([("MET", "must"), ("MISSED", "must")], 1, id="a missed must blocks"),
        pytest.param([("MISSED", "must"), ("UNKNOWN", "must")], 1, id="missed outweighs unknown"),
        pytest.param([("MET", "must"), ("UNKNOWN", "must")], 3, id="an unknown must does not pass"),
        pytest.param([("NOT RUN", "must")], 3, id="nothing measured does not pass"),
        pytest.param([], 3, id="no promise at all does not pass"),
    ],
)
def test_the_gate(outcomes, status):
    assert gate_exit(judged(*((Outcome(word), gate) for word, gate in outcomes))) == status


def test_an_interrupted_run_says_so_to_the_shell():
    run = a_run(interrupted=True)
    assert gate_exit(run) == 130
    assert document(run)["summary"]["answer"].startswith("Interrupted: ")


def test_a_fault_that_may_still_be_there_is_louder_than_any_verdict(tmp_path):
    run = replace(judged((Outcome.MET, "must")), undo_failed="scale: auth-service has 0 replicas")
    assert gate_exit(run) == 4
    assert "may still be in place" in write_report(run, tmp_path).read_text()
    CHECK.validate(read_report(tmp_path))
