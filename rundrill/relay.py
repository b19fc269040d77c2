"""A relay, for a pod of ours: what comes in on a port goes on to a service, both ways; it imports nothing of ours.

python3 relay.py 8000=198.19.1.2:8000 8001=...
"""

import asyncio
import contextlib
import sys
from functools import partial

CHUNK = 65536
LISTENS_ON_S = 5


async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Everything that one side says, until it has no more to say."""
    while chunk := await source.read(CHUNK):
        sink.write(chunk)
        await sink.drain()
    sink.write_eof()


async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    """One connection, carried both ways; where the service refuses, the user is hung up on as well."""
    with contextlib.suppress(OSError):
        there, onward = await asyncio.open_connection(host, port)
        ways = [asyncio.create_task(carry(reader, onward)), asyncio.create_task(carry(there, writer))]
        try:
            await asyncio.gather(*ways)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            onward.close()
    await hang_up(reader, writer)


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An end of this connection alone: a reset, which words left unread would be, ends the whole forward of `kubectl`."""
    with contextlib.suppress(OSError, TimeoutError):
        if writer.can_write_eof():
            writer.write_eof()
        async with asyncio.timeout(LISTENS_ON_S):
            while await reader.read(CHUNK):
                pass
    writer.close()


async def relay(routes: list[str]) -> None:
    """Serves every route `port=host:port` until it is ended."""
    for route in routes:
        port, _, there = route.partition("=")
        host, _, onward = there.rpartition(":")
        await asyncio.start_server(partial(meet, host=host, port=int(onward)), "0.0.0.0", int(port))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(relay(sys.argv[1:]))
