"""A real crowd against a real server on loopback keeps its plan, and says so when it could not."""

import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rundrill.crowd import Crowd
from rundrill.waiting import until

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


class Platform(http.server.BaseHTTPRequestHandler):
    """Answers every request; under /applications it never does."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if getattr(self.server, "hangs", False):
            time.sleep(30)
        body = json.dumps({"token": "t", "host": self.headers["host"]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


class Quiet(http.server.ThreadingHTTPServer):
    """Says nothing of users who did not wait for their answer."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    with Quiet(("127.0.0.1", 0), Platform) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextlib.contextmanager
def at_work(
    port: int, lines: Path, *words: str, name: str = "login-peak"
) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(REPOSITORY / "loadtests" / f"{name}.py"),
        "--headless",
    ]
    command += ["--users", "1", "--only-summary", "--host", f"http://127.0.0.1:{port}"]
    command += ["--hosts", "auth=a.test,apps=b.test,data=c.test,ai=d.test", "--lines", str(lines), *words]
    with (lines.parent / "crowd.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


@pytest.mark.parametrize("spread", ["even", "poisson"])
def test_a_crowd_sends_every_arrival_of_its_plan_and_ends(
    server: http.server.ThreadingHTTPServer, tmp_path: Path, spread: str
) -> None:
    lines = tmp_path / "crowd.jsonl"
    with at_work(server.server_port, lines, "--rate", "60", "--seconds", "2", "--spread", spread) as child:
        assert child.wait(30) == 0
    crowd = Crowd(lines).read()
    assert crowd.ended is not None
    assert len(crowd.plan) > 60
    assert sorted(arrival.planned for arrival in crowd.arrivals) == crowd.plan
    assert all(arrival.answered for arrival in crowd.arrivals)
    assert crowd.lost() == 0


def test_the_same_seed_plans_the_same_arrivals(
    server: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    plans = []
    for name in ("one", "two"):
        lines = tmp_path / name
        with at_work(
            server.server_port, lines, "--seconds", "1", "--spread", "poisson", "--seed", "7"
        ) as child:
            child.wait(30)
        plans.append(json.loads(lines.read_text().splitlines()[0])["plan"])
    assert plans[0] == plans[1]
    assert plans[0]


def test_a_crowd_that_is_told_to_end_closes_its_file(
    server: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    crowd = Crowd(tmp_path / "crowd.jsonl")
    with at_work(server.server_port, crowd.path, "--seconds", "600") as child:
        assert until(lambda: len(crowd.read().arrivals) > 5, timedelta(seconds=20))
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    assert crowd.read().ended is not None
    assert crowd.lost() == 0


def test_a_platform_that_never_answers_fails_every_arrival_and_loses_none(
    server: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    server.hangs = True  # type: ignore[attr-defined]
    crowd = Crowd(tmp_path / "crowd.jsonl")
    with at_work(server.server_port, crowd.path, "--rate", "10", "--seconds", "600") as child:
        assert until(lambda: crowd.read().began is not None, timedelta(seconds=20))
        time.sleep(2)
        child.send_signal(signal.SIGTERM)
        child.wait(30)
    crowd.read()
    assert crowd.arrivals
    assert not any(arrival.answered for arrival in crowd.arrivals)
    assert all(arrival.error == "no answer in time" for arrival in crowd.arrivals)
    assert all(arrival.sent for arrival in crowd.arrivals)


def test_a_dead_port_fails_every_arrival(tmp_path: Path) -> None:
    lines = tmp_path / "crowd.jsonl"
    with at_work(9, lines, "--rate", "20", "--seconds", "1") as child:
        child.wait(30)
    crowd = Crowd(lines).read()
    assert len(crowd.arrivals) == len(crowd.plan) > 0
    assert {arrival.error for arrival in crowd.arrivals} == {"ConnectionRefusedError"}


def test_a_rate_of_zero_plans_nobody(server: http.server.ThreadingHTTPServer, tmp_path: Path) -> None:
    lines = tmp_path / "crowd.jsonl"
    with at_work(server.server_port, lines, "--rate", "0", "--seconds", "1") as child:
        child.wait(30)
    crowd = Crowd(lines).read()
    assert (crowd.plan, crowd.arrivals) == ([], [])


LEAVES = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([*sys.argv[2:], "--parent", str(os.getpid())], stderr=subprocess.DEVNULL)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.1)
print(child.pid)
"""


def test_a_crowd_goes_home_when_its_parent_dies(
    server: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    crowd = Crowd(tmp_path / "crowd.jsonl")
    with at_work(server.server_port, tmp_path / "unused", "--seconds", "600") as child:
        assert isinstance(child.args, list)
        words = [str(crowd.path) if word == str(tmp_path / "unused") else str(word) for word in child.args]
    script = [sys.executable, "-c", LEAVES, str(crowd.path), *words]
    orphan = int(subprocess.run(script, check=True, capture_output=True, timeout=60).stdout)
    try:
        assert until(lambda: crowd.read().ended is not None, timedelta(seconds=20))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGKILL)
