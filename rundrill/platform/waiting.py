"""Several platforms that become ready beside one another, each with its own time."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from rundrill.cluster.provider import Progress
from rundrill.errors import RundrillError
from rundrill.platform.cluster_client import Kubectl
from rundrill.platform.stack import Stack
from rundrill.platform.workloads import NotReady, live_workloads, stuck_containers, unready

POLL = timedelta(seconds=2)


@dataclass
class Arrivals:
    """What is still on its way, and what did not arrive and why."""

    kubectl: Kubectl
    say: Progress
    failed: dict[str, str] = field(default_factory=dict)

    def settle(self, stacks: Sequence[Stack], within: timedelta) -> None:
        """Each stack settled as soon as all of it is ready; those that are not in time are among the failed."""
        deadline = time.monotonic() + within.total_seconds()
        under_way, told = list(stacks), -1
        while waiting := self._not_ready(under_way):
            for stack in under_way:
                if stack.name not in waiting:
                    self._finish(stack)
            under_way = [stack for stack in under_way if stack.name in waiting]
            if time.monotonic() > deadline:
                self._give_up(under_way, waiting, within)
                return
            told = self._tell(waiting, told)
            time.sleep(POLL.total_seconds())
        for stack in under_way:
            self._finish(stack)

    def _not_ready(self, stacks: Sequence[Stack]) -> dict[str, list[str]]:
        live = live_workloads(self.kubectl)
        found = {stack.name: unready(live, stack.manifests) for stack in stacks}
        return {name: workloads for name, workloads in found.items() if workloads}

    def _finish(self, stack: Stack) -> None:
        try:
            stack.settle(self.kubectl, self.say)
            self.say(f"{stack.name}: up")
        except RundrillError as problem:
            self.failed[stack.name] = str(problem)

    def _tell(self, waiting: Mapping[str, list[str]], told: int) -> int:
        count = sum(map(len, waiting.values()))
        if count != told:
            each = ", ".join(f"{name} {len(workloads)}" for name, workloads in waiting.items())
            first = next(iter(waiting.values()))[0]
            self.say(f"waiting for {count} workloads ({each}): {first}{' …' if count > 1 else ''}")
        return count

    def _give_up(self, stacks: Sequence[Stack], waiting: Mapping[str, list[str]], within: timedelta) -> None:
        for stack in stacks:
            stuck = stuck_containers(self.kubectl, stack.namespaces)
            reasons = ", ".join([*waiting[stack.name], *stuck])
            self.failed[stack.name] = str(
                NotReady(f"not ready after {within.total_seconds():g} s: {reasons}")
            )
