"""A run as a folder that an auditor can read: report.html, report.json, evidence/ and MANIFEST.sha256."""

import hashlib
import json
from pathlib import Path
from typing import Any

from rundrill.report.document import document, gate_exit
from rundrill.report.html import render
from rundrill.report.plain import plain
from rundrill.report.summary import summary_of
from rundrill.run import Row, Run

__all__ = ["gate_exit", "read_report", "read_summary", "summary_lines", "write_manifest", "write_report"]

type Json = dict[str, Any]

MANIFEST = "MANIFEST.sha256"
WRITTEN_LATER = frozenset({MANIFEST, "junit.xml", "pytest.html"})
"""pytest writes its own two files after ours."""


def write_report(run: Run, directory: Path) -> Path:
    """The path of the written report.html; its folder then holds the whole report and what proves it."""
    evidence = directory / "evidence"
    evidence.mkdir(parents=True, exist_ok=True)
    for row in run.rows:
        if row.evidence is not None:
            _write_json(evidence / f"{row.promise.id}.json", evidence_of(row))
    report = document(run)
    _write_json(directory / "report.json", report)
    page = directory / "report.html"
    page.write_text(render(report, {row.promise.id: row.evidence for row in run.rows}), encoding="utf-8")
    write_manifest(directory)
    return page


def evidence_of(row: Row) -> Json:
    """All that was seen for one promise: the facts that were judged, and the raw answers they were taken from."""
    seen = row.evidence
    assert seen is not None
    return {
        "promise": row.promise.id,
        "kind": row.promise.kind,
        "promised": row.promise.model_dump(mode="json", by_alias=True, exclude_none=True),
        "source": seen.source,
        "taken_at": plain(seen.taken_at),
        "seen": plain(seen.seen),
        "raw": plain(seen.raw),
    }


def write_manifest(directory: Path) -> Path:
    """MANIFEST.sha256 over every file of the report, for `sha256sum -c`."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(directory).as_posix()}\n"
        for path in files
        if path.relative_to(directory).as_posix() not in WRITTEN_LATER
    ]
    manifest = directory / MANIFEST
    manifest.write_text("".join(lines), encoding="utf-8")
    return manifest


def summary_lines(run: Run, width: int = 80, path: str = "") -> list[str]:
    """The run for a terminal, with the report's path as the last line where one is given."""
    return summary_of(document(run), width, path)


def read_report(directory: Path) -> Json:
    """The document of a saved run, by its folder or its report.json."""
    path = directory / "report.json" if directory.is_dir() else directory
    report: Json = json.loads(path.read_text(encoding="utf-8"))
    return report


def read_summary(directory: Path, width: int = 80) -> list[str]:
    """The summary of a saved run, as it was printed then."""
    folder = directory if directory.is_dir() else directory.parent
    return summary_of(read_report(directory), width, str(folder / "report.html"))


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
