"""kubectl as a child: commands in containers, and ports of pods on loopback. What it starts, it ends."""

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rundrill.errors import TargetError

FORWARD_S = 10.0
_FORWARDING = re.compile(rb"Forwarding from 127\.0\.0\.1:(\d+) ")
# The shell ends kubectl when its own input closes: also when whoever opened the forward was killed outright.
_UNTIL_INPUT_CLOSES = '"$@" </dev/null & child=$!; trap "kill $child" EXIT; exec >&- 2>&-; read -r _'


@dataclass(frozen=True)
class Completed:
    """What a command in a container came to."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Its output as text."""
        return self.stdout.decode(errors="replace")


def find_kubectl() -> Path | None:
    """The newest kubectl that a drill cluster was built with, else the one on PATH."""
    home = Path(os.environ.get("RUNDRILL_HOME") or Path.home() / ".cache" / "rundrill")
    built = sorted(home.glob("bin/**/kubectl"), key=lambda path: path.stat().st_mtime)
    if built:
        return built[-1]
    found = shutil.which("kubectl")
    return Path(found) if found else None


class Kubectl:
    """One context of a kubeconfig, by the command."""

    def __init__(self, kubeconfig: Path, context: str, program: Path | None = None) -> None:
        self._program = program
        self._context = context
        # By environment and not by flag: only so may it be a list of files.
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}

    def exec(
        self,
        namespace: str,
        pod: str,
        container: str | None,
        argv: list[str],
        stdin: bytes | None,
        timeout: float,
    ) -> Completed:
        """Exit code and output of a command in a container; TargetError where it was not started or not in time."""
        chosen = ["-c", container] if container else []
        asked = ["-n", namespace, "exec", *(["-i"] if stdin is not None else []), pod, *chosen, "--", *argv]
        try:
            done = subprocess.run(
                self._command(asked),
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                timeout=timeout,
                env=self._environment,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TargetError(f"exec in {namespace}/{pod}: {argv[0]} ran longer than {timeout:g} s") from None
        if done.returncode and b"command terminated with exit code" not in done.stderr:
            raise TargetError(
                f"exec in {namespace}/{pod}: {done.stderr.decode(errors='replace').strip()[:300]}"
            )
        return Completed(done.returncode, done.stdout, done.stderr)

    def exec_on_terminal(
        self, namespace: str, pod: str, container: str, argv: list[str], timeout: float
    ) -> Completed:
        """The same with `-it`, as from a person's terminal whose output goes to a file."""
        asked = ["-n", namespace, "exec", "-it", pod, "-c", container, "--", *argv]
        person, terminal = os.openpty()
        try:
            done = subprocess.run(
                self._command(asked),
                stdin=terminal,
                capture_output=True,
                timeout=timeout,
                env=self._environment,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TargetError(f"exec -it in {namespace}/{pod}: ran longer than {timeout:g} s") from None
        finally:
            os.close(terminal)
            os.close(person)
        return Completed(done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def forward(self, namespace: str, target: str, port: int) -> Iterator[tuple[str, int]]:
        """A loopback host and port that lead to a port of `svc/name` or `pod/name`, until the context ends."""
        asked = ["-n", namespace, "port-forward", "--address=127.0.0.1", target, f":{port}"]
        child = subprocess.Popen(
            ["sh", "-c", _UNTIL_INPUT_CLOSES, "sh", *self._command(asked)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )
        try:
            yield "127.0.0.1", _forwarded_port(child, f"port-forward {namespace}/{target}:{port}")
        finally:
            _end(child)

    @property
    def program(self) -> Path:
        """The command itself; TargetError where there is none."""
        self._program = self._program or find_kubectl()
        if self._program is None:
            raise TargetError("kubectl is neither on PATH nor among the drill cluster's programs")
        return self._program

    def _command(self, arguments: list[str]) -> list[str]:
        return [str(self.program), f"--context={self._context}", *arguments]


def _forwarded_port(child: subprocess.Popen[bytes], asked: str) -> int:
    """The port that kubectl chose, once it says so."""
    assert child.stdout
    said = b""
    deadline = time.monotonic() + FORWARD_S
    with selectors.DefaultSelector() as waiting:
        waiting.register(child.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not waiting.select(left):
                break
            chunk = os.read(child.stdout.fileno(), 4096)
            said += chunk
            if match := _FORWARDING.search(said):
                # kubectl writes a line for each connection, and would stop at a full pipe.
                threading.Thread(target=_drain, args=(child.stdout,), daemon=True).start()
                return int(match[1])
            if not chunk:
                raise TargetError(f"{asked}: {said.decode(errors='replace').strip()[-300:]}")
    raise TargetError(
        f"{asked}: not ready within {FORWARD_S:g} s; kubectl said {said.decode(errors='replace')!r}"
    )


def _drain(pipe: IO[bytes]) -> None:
    with pipe, contextlib.suppress(OSError):
        while os.read(pipe.fileno(), 4096):
            pass


def _end(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin
    child.stdin.close()
    try:
        child.wait(2)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(2)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
