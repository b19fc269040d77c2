"""What was promised to be in the backup against what came back: pure."""

from collections.abc import Mapping

from rundrill.evidence import Reading
from rundrill.restore.artefact import Manifest, TableContent
from rundrill.restore.content import Content

ABSENT = TableContent(rows=0, digest="absent")
"""A table that was looked for and is not there: that is a difference, not a gap in the evidence."""


def compare_tables(
    source: Mapping[str, TableContent], restored: Mapping[str, TableContent]
) -> tuple[Reading, ...]:
    """One reading for each table of either side; a table that is missing on one of them is not equal."""
    return tuple(
        _reading(name, source.get(name), restored.get(name)) for name in sorted({*source, *restored})
    )


def rows_compared(source: Mapping[str, TableContent], restored: Mapping[str, TableContent]) -> int:
    """How many rows were digested on both sides."""
    return sum(min(source[name].rows, restored[name].rows) for name in source.keys() & restored.keys())


def differences(manifest: Manifest, content: Content) -> tuple[str, ...]:
    """What is not as it was at the dump, one line each; empty where all is equal."""
    found = [
        _difference(
            reading.subject, manifest.tables.get(reading.subject), content.tables.get(reading.subject)
        )
        for reading in compare_tables(manifest.tables, content.tables)
        if not reading.facts["equal"]
    ]
    found += [
        f"sequence {sequence.name} stands at {sequence.last_value}, its column at {sequence.largest}"
        for sequence in content.sequences
        if sequence.behind
    ]
    for word, then, now in (
        ("indexes", manifest.indexes, content.indexes),
        ("constraints", manifest.constraints, content.constraints),
    ):
        if then is not None and then != now:
            found.append(f"{now} {word} came back of {then}")
    return tuple(found)


def _reading(name: str, source: TableContent | None, restored: TableContent | None) -> Reading:
    then, now = source or ABSENT, restored or ABSENT
    return Reading(
        name,
        {
            "rows_source": then.rows,
            "rows_restored": now.rows,
            "digest_source": then.digest,
            "digest_restored": now.digest,
            "equal": then == now,
        },
    )


def _difference(name: str, source: TableContent | None, restored: TableContent | None) -> str:
    if restored is None:
        return f"table {name} did not come back"
    if source is None:
        return f"table {name} came back and was not there at the dump"
    if source.rows != restored.rows:
        return f"table {name} has {restored.rows} rows, {source.rows} at the dump"
    return f"table {name} has the same {source.rows} rows by number, but not by content"
