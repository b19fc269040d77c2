"""Several platforms that become ready beside one another, a few workloads at a time, each with its own deadline."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from rundrill.cluster.provider import Progress
from rundrill.errors import RundrillError
from rundrill.platform.cluster_client import Kubectl
from rundrill.platform.stack import Stack
from rundrill.platform.workloads import last_words, live_workloads, stuck_containers, unready

POLL = timedelta(seconds=2)
READY_WITHIN = timedelta(minutes=8)
STILL_FOR = timedelta(minutes=4)
"""Without a step forward for so long, a platform will not come up by itself."""
ROOM = 12
"""More workloads that start at once on two processors only slow each other down, until their probes fail."""
NEXT_AFTER = timedelta(seconds=40)
"""What stands still that long must not keep the next platform waiting."""


@dataclass
class UnderWay:
    """A stack that the cluster was given, and when it last came a step nearer."""

    stack: Stack
    begun: float
    moved: float
    waiting: list[str]

    def saw(self, waiting: list[str], now: float) -> None:
        """Takes note of what it still waits for."""
        if waiting != self.waiting:
            self.waiting, self.moved = waiting, now

    def is_late(self, now: float) -> bool:
        """Whether its time is over, or nothing moves any more."""
        return now - self.begun > READY_WITHIN.total_seconds() or now - self.moved > STILL_FOR.total_seconds()


@dataclass
class Arrivals:
    """What waits for its turn, what is on its way, and what did not arrive and why."""

    kubectl: Kubectl
    say: Progress
    failed: dict[str, str] = field(default_factory=dict)
    under_way: list[UnderWay] = field(default_factory=list)
    told: tuple[float, int] = (0.0, 0)

    def settle(self, stacks: Sequence[Stack]) -> None:
        """Each stack put and settled; those that the cluster refused or that are not ready in time are among the failed."""
        queue = list(stacks)
        while queue or self.under_way:
            now = time.monotonic()
            if queue and self._has_room(now):
                self._begin(queue.pop(0))
            self._look(time.monotonic())
            self._tell(now, queue)
            if self.under_way and not (queue and self._has_room(now)):
                time.sleep(POLL.total_seconds())

    def _has_room(self, now: float) -> bool:
        moving = [one for one in self.under_way if now - one.moved < NEXT_AFTER.total_seconds()]
        return sum(len(one.waiting) for one in moving) <= ROOM

    def _begin(self, stack: Stack) -> None:
        if self._succeeds(stack, partial(stack.put, self.kubectl, self.say)):
            now = time.monotonic()
            self.under_way.append(UnderWay(stack, now, now, []))

    def _look(self, now: float) -> None:
        live = live_workloads(self.kubectl) if self.under_way else {}
        for one in list(self.under_way):
            one.saw(unready(live, one.stack.manifests), now)
            if not one.waiting:
                self.under_way.remove(one)
                if self._succeeds(one.stack, partial(one.stack.settle, self.kubectl, self.say)):
                    self.say(f"{one.stack.name}: up")
            elif one.is_late(now):
                self.under_way.remove(one)
                self._give_up(one, now)

    def _succeeds(self, stack: Stack, act: Callable[[], None]) -> bool:
        try:
            act()
        except RundrillError as problem:
            self.failed[stack.name] = str(problem)
            self.say(f"{stack.name}: not up")
        return stack.name not in self.failed

    def _give_up(self, one: UnderWay, now: float) -> None:
        stuck = stuck_containers(self.kubectl, one.stack.namespaces)
        words = [f"{where}: {why}{last_words(self.kubectl, where)}" for where, why in stuck.items()]
        reasons = "\n  ".join([*one.waiting, *words])
        self.failed[one.stack.name] = f"not ready after {now - one.begun:.0f} s:\n  {reasons}"
        self.say(f"{one.stack.name}: not up")

    def _tell(self, now: float, queue: Sequence[Stack]) -> None:
        """One line when something moved, at most each ten seconds."""
        count = sum(len(one.waiting) for one in self.under_way)
        if count and count != self.told[1] and now - self.told[0] > 10:
            self.told = now, count
            each = ", ".join(f"{one.stack.name} {len(one.waiting)}" for one in self.under_way if one.waiting)
            next_ones = f"; then {', '.join(stack.name for stack in queue)}" if queue else ""
            first = next(one.waiting[0] for one in self.under_way if one.waiting)
            self.say(f"waiting for {count} workloads ({each}{next_ones}): {first}{' …' if count > 1 else ''}")
