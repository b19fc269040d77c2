"""A run as the JSON document that everything else is drawn from; `report.schema.json` is its schema."""

from collections import Counter
from typing import Any

from rundrill.judge.words import seconds
from rundrill.report.plain import plain
from rundrill.run import DefectRow, DefectSeen, Row, Run
from rundrill.verdict import Because, Outcome

type Json = dict[str, Any]

SCHEMA = "rundrill.report/1"


def document(run: Run) -> Json:
    """The whole report, JSON-ready; numbers carry their unit in their name (`_s` is seconds)."""
    return {
        "schema": SCHEMA,
        "run": _run(run),
        "summary": summary(run),
        "runbooks": [_runbook(slug, run) for slug in dict.fromkeys(row.runbook for row in run.rows)],
        "promises": [_promise(row) for row in run.rows],
        "defects": [_defect(defect) for defect in run.defects],
        "defect_rows": [_defect_row(row) for row in run.defect_rows],
    }


def gate_exit(run: Run) -> int:
    """What a pipeline should exit with: 0 goes on, 1 a `must` is MISSED, 3 a `must` is UNKNOWN or nothing was measured,
    4 a fault may still be in place, 130 interrupted.
    """
    if run.undo_failed is not None:
        return 4
    if run.interrupted:
        return 130
    must = {row.verdict.outcome for row in run.rows if row.promise.gate == "must"}
    if Outcome.MISSED in must:
        return 1
    measured = any(row.verdict.outcome in (Outcome.MET, Outcome.MISSED, Outcome.WAIVED) for row in run.rows)
    return 3 if Outcome.UNKNOWN in must or not measured else 0


def summary(run: Run) -> Json:
    """Counts by verdict, the gate and the one-line answer."""
    counts = Counter(row.verdict.outcome for row in run.rows)
    exit_status = gate_exit(run)
    return {
        "promises": len(run.rows),
        **{_key(outcome): counts[outcome] for outcome in Outcome},
        "gate": {0: "passes", 1: "blocked", 3: "unknown", 4: "undo failed", 130: "interrupted"}[exit_status],
        "exit": exit_status,
        "answer": answer(counts, run.interrupted),
    }


def answer(counts: Counter[Outcome], interrupted: bool) -> str:
    """What held, what did not, and what nobody knows, in one sentence."""
    met, missed, unknown = counts[Outcome.MET], counts[Outcome.MISSED], counts[Outcome.UNKNOWN]
    parts = [f"{_promises(met)} held" if met else "no promise was shown to hold"]
    parts += [f"{missed} did not"] if missed else []
    parts += [f"{unknown} nobody knows"] if unknown else []
    rest = [f"{counts[Outcome.WAIVED]} waived"] if counts[Outcome.WAIVED] else []
    rest += [f"{counts[Outcome.NOT_RUN]} not run"] if counts[Outcome.NOT_RUN] else []
    sentence = "; ".join([", ".join(parts), *([", ".join(rest)] if rest else [])]) + "."
    if interrupted:
        sentence = f"Interrupted: {sentence}"
    return sentence[0].upper() + sentence[1:]


def _promises(count: int) -> str:
    return f"{count} promise" if count == 1 else f"{count} promises"


def _key(outcome: Outcome) -> str:
    return outcome.value.lower().replace(" ", "_")


def _run(run: Run) -> Json:
    window = run.profile.objective_window
    return {
        "id": run.id,
        "command": run.command,
        "started": plain(run.started),
        "ended": plain(run.ended),
        "took_s": seconds(run.ended - run.started),
        "target": run.target,
        "profile": {
            "name": run.profile_name,
            "accelerated": run.profile.accelerated,
            "note": run.profile.note,
            "objective_window_s": None if window is None else seconds(window),
        },
        "disruptive": run.disruptive,
        "interrupted": run.interrupted,
        "versions": dict(run.versions),
    }


def _runbook(slug: str, run: Run) -> Json:
    """One runbook's promises by verdict, and those that were not run by their cause."""
    verdicts = [row.verdict for row in run.rows if row.runbook == slug]
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    causes = Counter(verdict.because for verdict in verdicts if verdict.because)
    return {
        "runbook": slug,
        "title": run.titles.get(slug, slug),
        "promises": len(verdicts),
        **{_key(outcome): outcomes[outcome] for outcome in Outcome},
        "not_run_because": {cause.value: causes[cause] for cause in Because},
    }


def _promise(row: Row) -> Json:
    promise, verdict = row.promise, row.verdict
    return {
        "id": promise.id,
        "kind": promise.kind,
        "runbook": row.runbook,
        "says": promise.says,
        "source": promise.source,
        "gate": promise.gate,
        "verdict": verdict.outcome.value,
        "reason": verdict.reason,
        "because": verdict.because.value if verdict.because else None,
        "measured": plain(verdict.measured),
        "notes": list(verdict.notes),
        "reading": promise.note,
        "defect": promise.literal.defect if promise.literal else None,
        "evidence": f"evidence/{promise.id}.json" if row.evidence else None,
        "taken_at": plain(row.evidence.taken_at) if row.evidence else None,
        "took_s": round(row.took_s, 3),
    }


def _defect_row(row: DefectRow) -> Json:
    return {**vars(row), "promises": list(row.promises), "at": plain(row.at)}


def _defect(defect: DefectSeen) -> Json:
    return {
        "defect": defect.defect,
        "promise": defect.promise,
        "shown": defect.shown,
        "literal": defect.literal,
        "literal_seen": defect.literal_seen,
        "mended": defect.mended,
        "mended_seen": defect.mended_seen,
        "facts": plain(defect.facts),
    }
