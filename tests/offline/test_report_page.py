"""report.html and the terminal's summary."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sample_run import NASTY, a_run

from rundrill.report import read_summary, summary_lines, write_report
from rundrill.verdict import Because, Outcome, Verdict

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write_report(a_run(), tmp_path_factory.mktemp("run")).read_text()


class Tags(HTMLParser):
    """Every tag that is opened, and whether each is closed in turn."""

    VOID = frozenset({"meta", "input", "line", "rect", "circle", "br"})

    def __init__(self):
        super().__init__()
        self.seen, self.open, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if "style" not in self.open:
            self.text += text + " "


@pytest.fixture(scope="module")
def tags(page):
    parser = Tags()
    parser.feed(page)
    return parser


def test_every_tag_is_closed(tags):
    assert tags.open == []


def test_nothing_is_loaded_and_nothing_runs(tags, page):
    names = {tag for tag, _ in tags.seen}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert not any(
        name.startswith("on") or name in ("src", "srcset") for _, attrs in tags.seen for name in attrs
    )
    assert "url(" not in page
    assert "@import" not in page
    assert not re.search(r"https?://", page)


def test_markup_from_the_world_is_text(tags, page):
    assert "<script" not in page
    assert NASTY in " ".join(tags.text.replace("\u00a0", " ").split())


def test_links_lead_into_the_page_and_its_evidence_only(tags):
    ids = {attrs.get("id") for _, attrs in tags.seen}
    links = [attrs["href"] for tag, attrs in tags.seen if tag == "a"]
    assert all(link.startswith("evidence/") or link.removeprefix("#") in ids for link in links)


def test_ids_stand_once(tags):
    ids = [attrs["id"] for _, attrs in tags.seen if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_every_promise_and_its_reason_is_on_the_page(tags):
    text = " ".join(tags.text.split())
    for row in a_run().rows:
        assert row.promise.id in text
        assert " ".join(row.verdict.reason.split()) in text.replace("\u00a0", " ")


def test_the_answer_comes_first_and_misses_before_the_rest(tags):
    text = tags.text
    assert (
        text.replace("\u00a0", " ").index("8 promises held, 5 did not, 3 nobody knows; 1 waived, 1 not run.")
        < text.index("Needs attention")
        < text.index("All promises")
    )


def test_every_verdict_is_a_word_and_a_mark(tags):
    text = re.sub(r"\s+", " ", tags.text)
    assert all(
        f"{mark} {word}" in text
        for mark, word in (("✓", "MET"), ("✕", "MISSED"), ("?", "UNKNOWN"), ("◇", "WAIVED"), ("–", "NOT RUN"))
    )


def test_acceleration_is_said(tags):
    assert "time runs 10 times faster" in tags.text


def test_an_empty_run_has_a_page(tmp_path):
    page = write_report(a_run(rows=(), defects=()), tmp_path).read_text()
    assert "No promise was shown to hold." in page
    assert "Nothing was measured." in page


def test_the_summary_is_the_golden_one():
    golden = GOLDEN / "summary.txt"
    made = "\n".join(summary_lines(a_run(), 80, "reports/20261121-093012/report.html")) + "\n"
    assert made == golden.read_text(), f"if the change is meant, write it to {golden.name}"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_summary_keeps_to_the_terminal(width):
    too_wide = [line for line in summary_lines(a_run(), width) if len(line) > width and len(line.split()) > 2]
    assert too_wide == []


def test_the_summary_cannot_steer_a_terminal():
    run = a_run()
    sly = run.rows[-1].verdict.__class__("shop.x", run.rows[-1].verdict.outcome, "\x1b[2Jgone\x07")
    lines = summary_lines(a_run(rows=(run.rows[-1].__class__(run.rows[-1].promise, "shop", sly, None, 0.0),)))
    assert not any("\x1b" in line or "\x07" in line for line in lines)


def test_a_saved_run_prints_the_same_summary(tmp_path):
    path = write_report(a_run(), tmp_path)
    assert read_summary(tmp_path) == summary_lines(a_run(), 80, str(path))


def test_a_gate_of_a_part_says_so(tmp_path):
    unasked = Verdict("shop.x", Outcome.NOT_RUN, "not asked for", because=Because.UNASKED)
    rows = (*a_run().rows, replace(a_run().rows[0], verdict=unasked, evidence=None))
    assert any(
        line.endswith("(of the 18 promises that were asked for)") for line in summary_lines(a_run(rows=rows))
    )
    page = write_report(a_run(rows=rows), tmp_path).read_text()
    assert "1 of 19 promises were not asked for." in page


def test_many_causes_are_told_as_far_as_a_screen_goes():
    missed = [row for row in a_run().rows if row.promise.id == "shop.config.banner"]
    rows = [
        replace(
            missed[0],
            promise=missed[0].promise.model_copy(update={"id": f"shop.n{number}"}),
            verdict=replace(
                missed[0].verdict, promise=f"shop.n{number}", reason=f"it was {number} " + "long " * 400
            ),
        )
        for number in range(500)
    ]
    lines = summary_lines(a_run(rows=tuple(rows)))
    assert len(lines) < 120
    assert "and 488 more, 488 of which must hold: see the report" in lines


def test_acts_that_nobody_signed_for_are_one_cause():
    attested = next(row for row in a_run().rows if row.promise.kind == "attestation")
    rows = tuple(
        replace(
            attested,
            promise=attested.promise.model_copy(update={"id": f"shop.act-{number}"}),
            verdict=Verdict(f"shop.act-{number}", Outcome.UNKNOWN, f"no signed record of: act {number}"),
            evidence=None,
        )
        for number in range(9)
    )
    lines = summary_lines(a_run(rows=rows))
    assert lines.count("         no signed record of it") == 1
    assert "         and 3 more" in lines


def test_a_defect_is_told_with_what_each_form_did(tags):
    text = " ".join(tags.text.split())
    for words in ("1 shown by running", "1 by the text's own numbers", "1 not reproduced", "1 not run"):
        assert words in text
    assert "the literal form did something else: exit is 1, expected 0" in text


def test_each_runbook_has_a_chapter_and_a_line_of_the_table(tags):
    ids = [attrs.get("id") for _, attrs in tags.seen]
    assert "runbook-shop" in ids
    assert "The shop" in tags.text


def test_one_cause_of_several_promises_is_told_once():
    lines = summary_lines(a_run())
    assert lines.count("         the API server does not answer: 503") == 1
    assert lines.index("UNKNOWN  shop.health.pods") + 1 == lines.index("         shop.health.quotas")
