"""A run of checks: what is measured once for each promise, and the report that is made of it."""

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rundrill import gameday, sidebyside
from rundrill.defects import defect_rows, show_defects
from rundrill.errors import Interrupted, NoEvidence, RundrillError, UndoError
from rundrill.evidence import Evidence
from rundrill.judge import judge, waive
from rundrill.measure import measure
from rundrill.promise import Promise
from rundrill.report import summary_lines, write_report
from rundrill.run import DefectSeen, Row, Run
from rundrill.saved import point_to
from rundrill.schedule import AT_ONCE
from rundrill.selection import (
    DRILLING,
    READING,
    Asked,
    Left,
    asked_for,
    check_of,
    chosen,
    in_turns,
    left_out,
    order_of,
    why_not,
)
from rundrill.session import Session, open_session
from rundrill.verdict import Because, Outcome, Verdict
from rundrill.versions import versions

READ_AT_ONCE = 8
"""How many promises are measured at a time; a server gets no more questions than that at once."""


@dataclass(frozen=True)
class Seen:
    """What measuring one promise came to."""

    evidence: Evidence | None
    gap: str | None  # why there is no evidence
    took_s: float


@dataclass
class Harness:
    """One run: rows as they come, and the report in the end."""

    session: Session
    asked: Asked
    directory: Path
    started: datetime
    measured: dict[str, Seen] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    defects: list[DefectSeen] = field(default_factory=list)
    interrupted: bool = False
    undo_failed: str | None = None
    unread: list[Promise] = field(default_factory=list)
    undrilled: list[Promise] = field(default_factory=list)
    at_once: int = AT_ONCE
    selected: frozenset[str] = frozenset()
    page: Path | None = None  # the report, once it is written
    ended: datetime | None = None
    say: Callable[[str], None] = field(default=lambda line: None)
    """Tells a person what takes long."""

    def __post_init__(self) -> None:
        self.session.disruptive = self.asked.may_disrupt
        self.session.chosen = chosen(self.session.policy, self.asked)

    def promises(self, check: str) -> list[Promise]:
        """The promises that one check is about."""
        return [promise for promise in self.session.policy.promises if check_of(promise) == check]

    def left_out(self, promise: Promise) -> bool:
        """Whether the caller named others and not this one."""
        return left_out(promise, self.asked, self.session.slug(promise))

    def waiver(self, promise: Promise) -> str | None:
        """The reason of a waiver that still holds for a promise."""
        today = datetime.now(UTC).date()
        for waiver in self.session.policy.waivers:
            if waiver.promise == promise.id and today <= waiver.expires:
                return f"{waiver.reason} (until {waiver.expires}, approved by {waiver.approved_by})"
        return None

    def why_not(self, promise: Promise) -> Left | None:
        """Why a promise is not measured in this run; None where it is."""
        runbook = self.session.policy.runbook(self.session.slug(promise))
        return why_not(promise, self.asked, runbook, self.session.target.entry.capabilities)

    def order(self, promise: Promise) -> tuple[int, int]:
        """Where a promise comes in this run."""
        return order_of(promise, self.asked, self.session.chosen)

    def ahead(self, promises: Iterable[Promise]) -> None:
        """Takes note of what is to run; what only reads is measured together when the first of it comes up."""
        coming = [promise for promise in promises if not self.why_not(promise)]
        self.selected = frozenset(one.id for one in coming)
        self.unread = [promise for promise in coming if self.order(promise)[0] in READING]
        self.undrilled = [promise for promise in coming if self.order(promise)[0] == DRILLING]

    def evidence(self, promise: Promise) -> Evidence:
        """What was seen of a promise; NoEvidence where it was not, or where it proves nothing; its row is written."""
        seen = self._seen(promise)
        verdict = self._conclude(promise, seen)
        if seen.evidence is not None:
            self.defects += show_defects(promise, seen.evidence, self.session)
        if seen.evidence is None or verdict.outcome is Outcome.UNKNOWN:
            raise NoEvidence(verdict.reason)
        return seen.evidence

    def verdict(self, promise: Promise) -> Verdict:
        """The verdict of a promise that was looked at."""
        return self.rows[promise.id].verdict

    def judge(self, promise: Promise, evidence: Evidence | None, gap: str | None = None) -> Verdict:
        """The bare verdict, before any waiver."""
        if gap is not None:
            return Verdict(promise.id, Outcome.UNKNOWN, gap)
        return judge(promise, evidence, self.session.profile, datetime.now(UTC))

    def finish(self, interrupted: bool) -> None:
        """Writes the report, however the run came to its end."""
        self.interrupted = interrupted
        for promise in self.session.policy.promises:
            if promise.id in self.measured and promise.id not in self.rows:
                # Measured ahead, and cut off before its check came: that is evidence all the same.
                self._conclude(promise, self.measured[promise.id])
        self.ended = datetime.now(UTC)
        self.page = write_report(self.run(), self.directory)
        point_to(self.directory)

    def run(self) -> Run:
        """The run as it stands: a row for every promise, in the policy's order."""
        session = self.session
        return Run(
            id=f"{self.started:%Y%m%d-%H%M%S}",
            command=shlex.join(["pytest", *sys.argv[1:]]),
            started=self.started,
            ended=self.ended or datetime.now(UTC),
            target=session.target.url,
            profile_name=session.profile_name,
            profile=session.profile,
            disruptive=session.disruptive,
            interrupted=self.interrupted,
            undo_failed=self.undo_failed,
            rows=tuple(
                self.rows.get(promise.id) or self._unrun(promise) for promise in session.policy.promises
            ),
            defects=tuple(self.defects),
            defect_rows=defect_rows(session.policy, self.directory.parent, session.target.url, self.defects),
            titles={runbook.runbook: runbook.title for runbook in session.policy.runbooks},
            versions=self.session.cached("versions", lambda: versions(session)),
        )

    def summary(self, width: int) -> list[str]:
        """The run for a terminal, with the report's path; nothing before there is a report."""
        return summary_lines(self.run(), width, os.path.relpath(self.page)) if self.page else []

    def _seen(self, promise: Promise) -> Seen:
        if promise in self.unread:
            self._read_ahead()
        if promise in self.undrilled:
            drilled, self.undrilled = self.undrilled, []
            sidebyside.drill(drilled, self.session, self._kept, self.at_once, self.say)
        return self._kept(promise)

    def _kept(self, promise: Promise) -> Seen:
        return self.session.cached(("seen", promise.id), lambda: self._measured(promise))

    def _read_ahead(self) -> None:
        """Measures everything that only reads, several promises at a time."""
        reading, self.unread = self.unread, []
        if self.asked.gameday:
            gameday.settle(self.session, self._asked_objectives(), self.say)
        with ThreadPoolExecutor(READ_AT_ONCE) as pool:
            try:
                # What broke is measured again by its own check, and told there: no other promise suffers for it.
                wait([pool.submit(self._kept, promise) for promise in in_turns(reading, self.session.slug)])
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _asked_objectives(self) -> list[Promise]:
        return [one for one in self.session.policy.promises if one.objective and not self.why_not(one)]

    def _measured(self, promise: Promise) -> Seen:
        if self.order(promise)[0] not in (*READING, DRILLING):
            self.say(promise.id)
        started = time.monotonic()
        evidence: Evidence | None = None
        gap: str | None = None
        try:
            evidence = measure(promise, self.session)
        except (Interrupted, KeyboardInterrupt) as cut:
            self.measured[promise.id] = Seen(None, str(cut) or "interrupted", time.monotonic() - started)
            raise KeyboardInterrupt from cut
        except UndoError as error:
            gap = self.undo_failed = f"a fault may still be in place: {error}"
        except RundrillError as error:
            gap = str(error).removeprefix(f"{promise.id}: ")
        self.measured[promise.id] = Seen(evidence, gap, time.monotonic() - started)
        return self.measured[promise.id]

    def _conclude(self, promise: Promise, seen: Seen) -> Verdict:
        """The bare verdict; the promise's row has it as its waiver leaves it."""
        verdict = self.judge(promise, seen.evidence, seen.gap)
        waived = waive(verdict, self.session.policy.waivers, datetime.now(UTC).date())
        self.rows[promise.id] = Row(promise, self.session.slug(promise), waived, seen.evidence, seen.took_s)
        return verdict

    def _unrun(self, promise: Promise) -> Row:
        why = self.why_not(promise)
        says = why.says if why else "the run was interrupted" if self.interrupted else "not selected"
        because = why.because if why else Because.UNASKED
        verdict = Verdict(promise.id, Outcome.NOT_RUN, says, because=because)
        if promise.id in self.selected and not self.interrupted:
            verdict = Verdict(
                promise.id, Outcome.UNKNOWN, "its check ended without a verdict: see pytest.html"
            )
        return Row(promise, self.session.slug(promise), verdict, None, 0.0)


def open_harness(
    policy: Path,
    target: str,
    directory: str | None,
    profile: str | None,
    disruptive: bool,
    gameday: str | None,
    only: list[str],
    runbooks: list[str],
    at_once: int = AT_ONCE,
) -> Harness:
    """A run that can begin: policy read, names known, target reached; otherwise an error, and nothing is touched."""
    started = datetime.now(UTC)
    place = Path(directory or f"reports/{started:%Y%m%d-%H%M%S}")
    session = open_session(policy, target, place, profile=profile)
    asked = asked_for(session.policy, disruptive, gameday, only, runbooks)
    return Harness(session, asked, place, started, at_once=at_once)
