"""The open sockets of one pod: each with a short queue of its own, so that a slow reader costs only itself."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from prometheus_client import Counter, Gauge
from starlette.websockets import WebSocket, WebSocketDisconnect

log = logging.getLogger("services.sockets")

OPEN = Gauge("websocket_connections", "Connections that are open in this pod.")
LIMIT = Gauge("websocket_connections_max", "Connections that this pod lets in.")
REFUSED = Counter("websocket_connections_refused", "Handshakes answered with 503.")
DROPS = Counter("websocket_backpressure_drops", "Messages that a slow reader did not get.")
SENT = Counter("websocket_messages_sent", "Messages handed to the network.")
QUEUE = 64
_STUCK_SECONDS = 60.0


class Socket:
    """One connection, its queue, and the tasks that empty and hear it."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._queue: asyncio.Queue[str] = asyncio.Queue(QUEUE)

    def offer(self, message: str) -> None:
        """Queue a message; dropped and counted where the reader is too far behind."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            DROPS.inc()

    async def last(self) -> None:
        """Serve the connection until either side ends it."""
        tasks = {asyncio.ensure_future(self._write()), asyncio.ensure_future(self._read())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            message = await self._queue.get()
            # A reader that takes nothing for so long is hung up on.
            async with asyncio.timeout(_STUCK_SECONDS):
                await self._websocket.send_text(message)
            SENT.inc()

    async def _read(self) -> None:
        with suppress(WebSocketDisconnect):
            while True:
                self.offer(await self._websocket.receive_text())


class Hub:
    """All sockets of this pod, and how many there may be."""

    def __init__(self, limit: int) -> None:
        self._sockets: set[Socket] = set()
        self.limit = limit
        OPEN.set_function(lambda: float(len(self._sockets)))
        LIMIT.set_function(lambda: float(self.limit))

    @property
    def full(self) -> bool:
        """Whether one more would be too many."""
        return len(self._sockets) >= self.limit

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._sockets)

    async def welcome(self, websocket: WebSocket) -> None:
        """Accept the connection and serve it to its end."""
        socket = Socket(websocket)
        # Counted from here on: handshakes that come together must not all see the last free place.
        self._sockets.add(socket)
        try:
            await websocket.accept()
            await socket.last()
        finally:
            self._sockets.discard(socket)

    def tell_all(self, message: str) -> int:
        """Queue the message for every socket; how many that were."""
        for socket in self._sockets:
            socket.offer(message)
        return len(self._sockets)
