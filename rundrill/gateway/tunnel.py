"""A loopback port that leads into a pod, one stream of the API server for each connection."""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rundrill.errors import TargetError
from rundrill.gateway.streams import NotYet, Place, Stream, StreamError, Streams, frame_of, hang_up

PASSES_S = 30.0
"""How long one side may take to accept what the other sent."""
_A_MOMENT_S = 0.05
_FRESH_S = 1.0
_CHUNK = 65536
_DATA = 0


@dataclass
class Tunnel:
    """A loopback port, each of whose connections leads to the pod that `find` names at that moment."""

    streams: Streams
    find: Callable[[], Place]
    first: Place | None = None
    """Where the first connection leads, found just now by whoever opened this."""
    lost: bool = False
    """Whether a connection found nobody to lead to since this was last set back."""

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=32)
        self.address: tuple[str, int] = self._listening.getsockname()
        self._opened = time.monotonic()
        threading.Thread(target=self._serve, daemon=True, name=f"tunnel {self.address[1]}").start()

    def close(self) -> None:
        """Takes no more connections; those that are open end with their users."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                ours, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._lead, args=(ours,), daemon=True).start()

    def _lead(self, ours: socket.socket) -> None:
        """Passes bytes both ways until either side ends; a pod that is not there closes the connection."""
        with ours:
            ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ours.settimeout(PASSES_S)
            try:
                first = self.first if time.monotonic() - self._opened < _FRESH_S else None
                self.first = None
                theirs = self.streams.connect(first or self.find())
            except TargetError:
                self.lost = True
                return
            try:
                _pass(ours, theirs)
            except (OSError, StreamError):
                return
            finally:
                hang_up(theirs)


def _pass(ours: socket.socket, theirs: Stream) -> None:
    """Both ways in one thread: a TLS connection must not be read and written at once, nor closed under a reader."""
    begun: set[int] = set()
    wire: Any = theirs.sock
    decrypted: Callable[[], int] = getattr(wire, "pending", lambda: 0)
    with selectors.DefaultSelector() as waiting:
        waiting.register(ours, selectors.EVENT_READ)
        waiting.register(wire, selectors.EVENT_READ)
        while True:
            # What TLS has decrypted already makes no socket readable.
            ready = [] if decrypted() else [key.fileobj for key, _ in waiting.select()]
            if ours in ready and not _sent(ours, theirs):
                return
            if (not ready or wire in ready) and not _received(theirs, ours, begun):
                return


def _sent(ours: socket.socket, theirs: Stream) -> bool:
    """Passes on what our side said; whether it has not ended."""
    chunk = ours.recv(_CHUNK)
    if chunk:
        theirs.settimeout(PASSES_S)
        theirs.send_binary(bytes([_DATA]) + chunk)
    return bool(chunk)


def _received(theirs: Stream, ours: socket.socket, begun: set[int]) -> bool:
    """Passes on a message of the other side, where it is whole; whether that side has not ended."""
    # A ticket of TLS, or a part of a message, is readable too: nobody shall wait for the rest while ours speaks.
    theirs.settimeout(_A_MOMENT_S)
    try:
        frame = frame_of(theirs)
    except NotYet:
        return True
    if not frame:
        return False
    channel, content = frame[0], frame[1:]
    if channel not in begun:
        # The first words on each channel repeat the number of the port.
        begun.add(channel)
        content = content[2:]
    if channel != _DATA and content:
        return False
    ours.sendall(content)
    return True
