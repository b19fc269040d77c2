"""What the rows of defects say of each other and of promises: names that nothing answers to, numbers that stand twice."""

from collections.abc import Iterator

from rundrill import promql
from rundrill.defect import Defect
from rundrill.reading import Location
from rundrill.wording import hint
from rundrill.written import Written

type Found = Iterator[tuple[Location, str]]


def row_faults(defect: Defect, slug: str, written: Written) -> Found:
    """The faults of one row as (entry below it, what is wrong)."""
    if not defect.id.startswith(f"{slug}."):
        yield ("id",), f"{defect.id!r} does not start with {slug + '.'!r}"
    same = [other for _, _, other in written.rows() if other.id == defect.id or other.number == defect.number]
    if same[0] is not defect:
        yield ("id",), f"id or number stands twice (number {defect.number}, also {same[0].id})"
    if slug not in [runbook.model.runbook for runbook in written.runbooks]:
        yield (), f"there is no runbook {slug!r}"
    ids = written.ids()
    named = (("promises", number, name) for number, name in enumerate(defect.promises))
    for key, number, name in named:
        if name not in ids:
            yield (key, number), f"there is no promise {name!r}{hint(name, ids)}"
    yield from _drilled(defect, written)
    yield from _queries(defect)


def _drilled(defect: Defect, written: Written) -> Found:
    if defect.drilled is None:
        return
    quoted = [promise.id for _, _, promise in written.promises() if promise.literal]
    if defect.drilled.promise not in quoted:
        says = f"no promise {defect.drilled.promise!r} has a `literal`"
        yield ("drilled", "promise"), says + hint(defect.drilled.promise, quoted)


def _queries(defect: Defect) -> Found:
    """PromQL that does not parse would be shown to fail, whatever it says."""
    forms = defect.promql or defect.rules
    if forms is None:
        return
    for name in ("literal", "intended"):
        form = getattr(forms, name)
        expr = form if isinstance(form, str) else form.expr
        if fault := promql.fault_of(expr):
            yield (defect.way, name), f"is no PromQL: {fault}"
