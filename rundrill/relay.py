"""A relay, for a pod of ours: what comes in on a port goes on to a service, both ways; it imports nothing of ours.

python3 relay.py 8000=198.19.1.2:8000 8001=...
"""

import asyncio
import contextlib
import sys
from functools import partial

CHUNK = 65536


async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Everything that one side says, until it has no more to say."""
    while chunk := await source.read(CHUNK):
        sink.write(chunk)
        await sink.drain()
    sink.write_eof()


async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    """One connection, carried both ways; where the service refuses, the user is hung up on as well."""
    with contextlib.suppress(OSError):
        try:
            there, onward = await asyncio.open_connection(host, port)
        except OSError:
            writer.transport.abort()
            return
        try:
            await asyncio.gather(carry(reader, onward), carry(there, writer))
        finally:
            onward.close()
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
