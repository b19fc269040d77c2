"""Whether a backup came back: the same content, soon enough, and young enough."""

from datetime import timedelta

from rundrill.evidence import Reading, RestoreSeen
from rundrill.judge.words import count_text, listed, seconds, time_text
from rundrill.promise import Promise, Restore
from rundrill.verdict import Outcome, Verdict

_DIGESTS = ("rows_source", "rows_restored", "digest_source", "digest_restored")


def judge_restore(promise: Promise, seen: RestoreSeen) -> Verdict:
    """The verdict on one restore; these times are a person's own, so no profile paces them."""
    restore = promise.restore
    assert restore is not None
    outcome, reason = _finding(restore, seen)
    notes = tuple(f"{name}: {text}" for name, text in seen.notes.items())
    return Verdict(promise.id, outcome, reason, _figures(restore, seen), notes)


def _finding(restore: Restore, seen: RestoreSeen) -> tuple[Outcome, str]:
    if seen.failure is not None:
        return Outcome.MISSED, f"{seen.artefact} does not restore: {seen.failure}"
    gap = _gap(seen)
    if gap:
        return Outcome.UNKNOWN, gap
    missed = _missed(restore, seen)
    return (Outcome.MISSED, missed) if missed else (Outcome.MET, _held(restore, seen))


def _gap(seen: RestoreSeen) -> str | None:
    """What keeps this restore from proving anything."""
    if not seen.artefact or seen.size_bytes <= 0:
        return f"there is no backup to restore ({seen.artefact or 'no artefact'}, {seen.size_bytes} bytes)"
    if seen.rows_compared <= 0 or not seen.tables:
        return "the restore was not compared: no rows"
    if seen.rto <= timedelta(0) or seen.rpo < timedelta(0):
        return f"the times are impossible: restored in {time_text(seen.rto)}, lost {time_text(seen.rpo)}"
    blind = [
        table.subject for table in seen.tables if any(table.facts.get(name) is None for name in _DIGESTS)
    ]
    if blind:
        return f"not compared: {listed(blind)}"
    rows = sum(_rows(table) for table in seen.tables)
    return (
        f"{seen.rows_compared:,} rows are said to be compared, the tables hold {rows:,}"
        if rows < seen.rows_compared
        else None
    )


def _rows(table: Reading) -> int:
    rows = table.facts["rows_source"]
    return int(rows) if isinstance(rows, int | float) else 0


def _missed(restore: Restore, seen: RestoreSeen) -> str | None:
    differing = [table.subject for table in seen.tables if not _equal(table)]
    if differing or not seen.content_equal:
        where = listed(differing) or seen.notes.get("differences", "the comparison as a whole")
        return f"the restored content differs in {where}"
    late = []
    if seen.rto > restore.rto:
        late.append(f"restored in {time_text(seen.rto, restore.rto)}, promised {time_text(restore.rto)}")
    if seen.rpo > restore.rpo:
        late.append(
            f"lost {time_text(seen.rpo, restore.rpo)} of writes, promised at most {time_text(restore.rpo)}"
        )
    return "; ".join(late) or None


def _equal(table: Reading) -> bool:
    """Judged from the digests, whatever the measurement thought of them."""
    facts = table.facts
    same = (
        facts["rows_source"] == facts["rows_restored"] and facts["digest_source"] == facts["digest_restored"]
    )
    return same and facts.get("equal") is True


def _held(restore: Restore, seen: RestoreSeen) -> str:
    return (
        f"{count_text(seen.rows_compared)} rows of {len(seen.tables)} tables came back equal"
        f" in {time_text(seen.rto)} (promised {time_text(restore.rto)}),"
        f" {time_text(seen.rpo)} of writes lost (promised {time_text(restore.rpo)})"
    )


def _figures(restore: Restore, seen: RestoreSeen) -> dict[str, object]:
    return {
        "failure": seen.failure,
        "artefact": seen.artefact,
        "taken_at": seen.taken_at.isoformat(),
        "size_bytes": seen.size_bytes,
        "rto_s": seconds(seen.rto),
        "rto_promised_s": seconds(restore.rto),
        "rpo_s": seconds(seen.rpo),
        "rpo_promised_s": seconds(restore.rpo),
        "rows_compared": seen.rows_compared,
        "content_equal": seen.content_equal,
        "tables": [{"table": table.subject, **table.facts} for table in seen.tables],
    }
