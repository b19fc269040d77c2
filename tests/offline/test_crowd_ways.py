"""What a crowd needs to come in: a relay that outlives the pods of the door, a key that may change, and who says that it is served."""

import asyncio
import contextlib
import json
import socket
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from rundrill import child, doorway, hops, relay, users
from rundrill.crowd import Crowd
from rundrill.errors import NoEvidence, PolicyError
from rundrill.promise import Drill
from rundrill.target import SecretRef

KEY = SecretRef(secret="shop/keys/key")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def through_a_relay(service: int | None, said: bytes) -> bytes:
    """What comes back through a relay to that port of loopback; to nobody where there is none."""
    port = free_port()
    serving = asyncio.ensure_future(relay.relay([f"{port}=127.0.0.1:{service or free_port()}"]))
    await asyncio.sleep(0.1)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        serving.cancel()


async def shouted() -> bytes:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(100)).upper())
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    async with server:
        return await through_a_relay(int(server.sockets[0].getsockname()[1]), b"who is there")


def test_a_relay_carries_what_both_sides_say() -> None:
    assert asyncio.run(shouted()) == b"WHO IS THERE"


def test_a_relay_hangs_up_on_a_user_whom_the_service_refuses() -> None:
    with contextlib.suppress(ConnectionResetError):
        assert asyncio.run(through_a_relay(None, b"who is there")) == b""


def test_a_changed_key_stands_in_the_crowds_file_and_the_file_goes_with_the_crowd(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doorway, "FOLLOWS_S", 0.02)
    keys = ["first"]
    session = SimpleNamespace(password=lambda where: keys[-1])
    with doorway.key_file(session, KEY) as path:  # type: ignore[arg-type]
        assert path.read_text() == "first"
        keys.append("second")
        deadline = time.monotonic() + 5
        while path.read_text() != "second" and time.monotonic() < deadline:
            time.sleep(0.02)
        assert path.read_text() == "second"
    assert not path.exists()


def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **words: object) -> None:
    """An experiment whose promise says this of its users."""
    known = Drill.model_validate({"experiment": "break", "under": "shoppers", "within": "5m", **words})
    promise = SimpleNamespace(drill=known)
    session = SimpleNamespace(policy=SimpleNamespace(promise=lambda id: promise))
    monkeypatch.setattr(child, "session", lambda: session)
    monkeypatch.setattr(child, "directory", lambda: tmp_path)


def arrivals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failed: int) -> None:
    """A crowd of ten a second over a minute and a half, of which so many in each hundred failed."""
    began = time.time() - 60
    lines: list[dict[str, object]] = [
        {"crowd": "Shoppers", "began": began, "rate": 10, "plan": [n / 10 for n in range(1200)]}
    ]
    for number in range(900):
        at, status = began + number / 10, 500 if number % 100 < failed else 200
        error = None if status == 200 else "status 500"
        line = {"planned": at, "route": "GET /", "started": at, "ended": at + 0.1, "status": status}
        lines.append(line | {"error": error})
    path = tmp_path / child.LINES
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(child, "crowd", lambda: Crowd(path))


@pytest.mark.parametrize(("failed", "served"), [(4, True), (6, False)])
def test_users_are_served_as_far_as_the_promise_allows_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failed: int, served: bool
) -> None:
    drill(tmp_path, monkeypatch, keeps={"errors": "5%"})
    arrivals(tmp_path, monkeypatch, failed)
    monkeypatch.setattr(users, "STEADY_WITHIN", timedelta(0))
    assert users.users_are_served("shop.restart") is served


def test_a_promise_that_allows_no_share_of_errors_says_nothing_of_its_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill(tmp_path, monkeypatch)
    arrivals(tmp_path, monkeypatch, 0)
    with pytest.raises(PolicyError, match=r"neither keeps\.errors nor with\.errors"):
        users.users_are_served("shop.restart")


def test_nobody_recovers_from_a_fault_that_was_not_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill(tmp_path, monkeypatch, keeps={"errors": "5%"})
    with pytest.raises(NoEvidence, match="no fault was proven"):
        users.users_are_well("shop.restart")
    assert not hops.noted(tmp_path)
