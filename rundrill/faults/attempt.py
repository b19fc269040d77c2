"""A connection or a name tried before a fault and after it: the proof that does not use the rule that was laid."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rundrill import child, hops
from rundrill.errors import NoEvidence, TargetError
from rundrill.faults.aim import Aim
from rundrill.faults.selected import Picked, heard
from rundrill.gateway.kubernetes import Json, Refused
from rundrill.session import Session
from rundrill.waiting import until

TRY_S = 4
NAME = "kubernetes.default.svc.cluster.local"
# Two letters and a pause between them: a connection that is cut in its middle takes the first and not the last.
_CONNECT = "timeout {s} bash -c 'exec 3<>/dev/tcp/{host}/{port} && printf x >&3 && sleep 0.4 && printf y >&3 && printf z >&3'"
_SILENT = ("connection refused", "timeout", "no route", "deadline exceeded", "reset by peer")
_UNTRIED = (126, 127)


@dataclass(frozen=True)
class Attempt:
    """What is tried: a script inside the pod, or a request to one of its ports by way of the API server."""

    script: str | None
    port: int | None = None
    cut: bool = False
    """Whether a connection that ends in its middle counts as failed, too."""

    @staticmethod
    def of(aim: Aim, cut: bool) -> "Attempt | None":
        """The attempt that an aim should hit; None where it names too little."""
        if aim.direction == "in":
            return Attempt(None, aim.port, cut) if aim.port and not aim.peers else None
        if aim.port and aim.peers:
            return Attempt(_CONNECT.format(s=TRY_S, host=aim.peers[0].partition("/")[0], port=aim.port))
        return Attempt.name() if not aim.port and not aim.peers else None

    @staticmethod
    def name() -> "Attempt":
        """A name of the cluster's own, resolved."""
        return Attempt(f"timeout {TRY_S} getent hosts {NAME}")

    def works(self, session: Session, pod: Json) -> bool:
        """Whether it succeeds now, in or at that pod."""
        if self.script is None:
            return self._answers(session, pod)
        code, said = heard(session, pod, None, self.script)
        if code in _UNTRIED:
            raise NoEvidence(f"{pod['metadata']['name']}: nothing in it to try with: {said[-200:]}")
        return code == 0

    def _answers(self, session: Session, pod: Json) -> bool:
        """Whether somebody accepts connections at the port; what it says need be no HTTP."""
        meta, silent = pod["metadata"], (*_SILENT, "EOF") if self.cut else _SILENT
        try:
            status, body = session.kube.pod_get(
                meta["namespace"], meta["name"], int(self.port or 0), "/", TRY_S
            )
        except Refused as error:
            if error.status == 403:
                raise
            return not any(word in str(error) for word in silent)
        except TargetError:
            return False
        return status != 503 or not any(word.encode() in body for word in silent)


def must_work(session: Session, picked: Picked, tried: Attempt) -> None:
    """Nothing where the attempt succeeds in every pod: what failed before the fault would prove nothing."""
    wrong = [str(pod["metadata"]["name"]) for pod in picked.pods if not tried.works(session, pod)]
    if wrong:
        raise NoEvidence(f"before the fault, it does not work already in {', '.join(wrong)}: {_words(tried)}")


def must_fail(session: Session, picked: Picked, tried: Attempt, within: timedelta) -> str:
    """What showed that the attempt fails in every pod; NoEvidence where it goes on to succeed in one."""
    if not until(lambda: not any(tried.works(session, pod) for pod in picked.pods), within):
        raise NoEvidence(f"it still works {within} after the fault was laid: {_words(tried)}")
    said = f"worked before and fails now in {picked.names}: {_words(tried)}"
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "pod", said)
    return said


def _words(tried: Attempt) -> str:
    if tried.script is None:
        return f"a connection to port {tried.port}"
    return (
        f"resolving {NAME}" if "getent" in tried.script else tried.script.partition("exec 3<>")[2].split()[0]
    )
