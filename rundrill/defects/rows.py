"""The rows of defects, each shown by running its two forms, or by the text's own numbers."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rundrill.defect import Defect, Forms
from rundrill.defects.compare import contradiction, facts_of, seen, verdict
from rundrill.defects.forms import promtool, question
from rundrill.defects.ground import Ground, scratch_ground
from rundrill.defects.saved import RowSeen, digest
from rundrill.defects.stage import staged
from rundrill.errors import NoEvidence, RundrillError
from rundrill.gateway.kubernetes import Kube

AT_ONCE = 3
"""Forms at a time: each may have a server of its own, and the machine is small."""
IN_POD = ("shell", "sql", "redis", "promql", "rules")
RUN = (*IN_POD, "kubectl")


@dataclass(frozen=True)
class Both:
    """What the two forms did, and why that shows nothing; None where it does."""

    literal: str
    intended: str
    why_not: str | None


def show_rows(defects: Iterable[Defect], kube: Kube, say: Callable[[RowSeen], None]) -> tuple[RowSeen, ...]:
    """Every row that is shown by itself, in order, told as it is done; a row that breaks is not shown, and says why."""
    rows = [defect for defect in defects if defect.way != "drilled"]
    with scratch_ground(kube) if any(row.way in RUN for row in rows) else nullcontext() as ground:
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            return tuple(_told(pool.map(lambda row: show(row, kube, ground), rows), say))
        finally:
            pool.shutdown(cancel_futures=True)


def _told(rows: Iterator[RowSeen], say: Callable[[RowSeen], None]) -> Iterator[RowSeen]:
    for row in rows:
        say(row)
        yield row


def show(defect: Defect, kube: Kube, ground: Ground | None) -> RowSeen:
    """One row, run now."""
    started = datetime.now(UTC)
    try:
        both = _both(defect, kube, ground)
    except RundrillError as error:
        both = Both("", "", str(error))
    took = (datetime.now(UTC) - started).total_seconds()
    return RowSeen(
        id=defect.id,
        digest=digest(defect),
        shown=both.why_not is None,
        why_not=both.why_not,
        literal_seen=both.literal,
        intended_seen=both.intended,
        at=started,
        took_s=round(took, 3),
    )


def _both(defect: Defect, kube: Kube, ground: Ground | None) -> Both:
    if defect.numbers:
        return Both(*contradiction(defect.numbers), why_not=None)
    assert ground is not None
    if defect.promql or defect.rules:
        return _by_promtool(defect, ground)
    forms = defect.shell or defect.sql or defect.redis
    if forms:
        return _compared(forms, lambda form: ground.run(question(forms, form)))
    assert defect.kubectl is not None
    return _on_stage(defect, kube, ground)


def _compared(forms: Forms, run: Callable[[str], dict[str, Any]]) -> Both:
    literal, intended = facts_of(run(forms.literal)), facts_of(run(forms.intended))
    return Both(seen(literal), seen(intended), verdict(forms, literal, intended))


def _on_stage(defect: Defect, kube: Kube, ground: Ground) -> Both:
    forms = defect.kubectl
    assert forms is not None

    def run(form: str) -> dict[str, Any]:
        with staged(kube, forms, ground.image) as stage:
            stage.prepare(forms)
            return stage.run(forms, form)

    return _compared(forms, run)


def _by_promtool(defect: Defect, ground: Ground) -> Both:
    """Each form gives what is said of it, and the literal one not what is said of the intended one."""
    forms = defect.promql or defect.rules
    assert forms is not None
    runs = {
        pair: ground.run(promtool(defect, *pair))
        for pair in (("literal", "literal"), ("intended", "intended"), ("literal", "intended"))
    }
    words = [gives_text(defect, form) for form in ("literal", "intended")]
    for form in ("literal", "intended"):
        if runs[form, form]["exit"]:
            said = " ".join((runs[form, form]["stdout"] + " " + runs[form, form]["stderr"]).split())[:400]
            return Both(words[0], words[1], f"the {form} form gave something else: {said}")
    match runs["literal", "intended"]["exit"]:
        case 0:
            return Both(words[0], words[1], "the literal form gives what the intended one should")
        case 1:
            return Both(words[0], words[1], None)
        case code:
            raise NoEvidence(f"promtool ended with {code}")


def gives_text(defect: Defect, form: str) -> str:
    """What promtool found a form to give, in words."""
    if defect.promql:
        samples = getattr(defect.promql, f"{form}_gives")
        shown = ", ".join(f"{one.labels or '{}'} {one.value:g}" for one in samples)
        return f"gives {shown}" if shown else "gives nothing"
    assert defect.rules is not None
    fires = getattr(defect.rules, f"{form}_fires")
    if fires == "never":
        return "never fires"
    return ", ".join(f"{count} firing at {at}" for at, count in fires.items())
