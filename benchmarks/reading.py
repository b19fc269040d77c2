"""The questions of every read-only promise, one by one with kubectl, psql and curl, as a person with the runbooks asks them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.person import Person, Words
from rundrill.errors import RundrillError
from rundrill.gateway.kubectl import find_kubectl
from rundrill.harness import READ_AT_ONCE
from rundrill.measure import measure
from rundrill.promise import Promise
from rundrill.selection import in_turns
from rundrill.session import Session, open_session

TARGET = "kube://rundrill"
LONGEST_S = 30


def compare(say: Callable[[str], None] = print) -> str:
    """Both ways over all read-only promises that this target can answer: seconds of each, and how many times faster."""
    with open_session(Path("slo.yaml"), TARGET, Path("reports/benchmark")) as session:
        capable = set(session.target.entry.capabilities)
        reading = (one for one in session.policy.promises if one.kind in ("state", "objective"))
        promises = in_turns((one for one in reading if not set(one.needs) - capable), session.slug)
        started = time.perf_counter()
        with ThreadPoolExecutor(READ_AT_ONCE) as pool:
            seen = list(pool.map(lambda one: _measured(one, session), promises))
        together = time.perf_counter() - started
        answered = [one for one, found in zip(promises, seen, strict=True) if found]
        lines = [words for one in answered for words in _commands(Person(session, session.slug(one)), one)]
        kubeconfig = str(session.target.kubeconfig)
    say(
        f"{len(answered)} of {len(promises)} promises answered in {together:.1f} s; now {len(lines)} commands"
    )
    alone, failed = _typed(lines, kubeconfig)
    ratio = alone / together
    return (
        f"{together:.1f} s for {len(answered)} promises; one by one {alone:.0f} s "
        f"({len(lines)} commands, {failed} of which failed): {ratio:.0f} times"
    )


def _measured(promise: Promise, session: Session) -> bool:
    try:
        measure(promise, session)
    except RundrillError:
        return False
    return True


def _commands(person: Person, promise: Promise) -> list[Words]:
    try:
        return person.commands(promise)
    except RundrillError as error:
        print(f"{promise.id}: {error}", file=sys.stderr)
        return []


def _typed(lines: list[Words], kubeconfig: str) -> tuple[float, int]:
    """Seconds that all commands took one after the other, and how many failed."""
    kubectl, failed = str(find_kubectl()), 0
    environment = {**os.environ, "KUBECONFIG": kubeconfig}
    started = time.perf_counter()
    for words in lines:
        try:
            done = subprocess.run(
                [kubectl, *words], env=environment, capture_output=True, timeout=LONGEST_S, check=False
            )
            failed += done.returncode != 0
        except subprocess.TimeoutExpired:
            failed += 1
    return time.perf_counter() - started, failed
