"""A proxy in the path that holds back every piece of a connection for a while, where the kernel has no netem.

It runs by itself (`python3 -m rundrill.faults.slow_way`) in the network of a pod, where a rule of iptables leads
connections to it; it asks the kernel where each was meant to go. Its own connections carry a mark that the rule lets pass.
"""

import argparse
import asyncio
import random
import socket
import struct
from collections.abc import Sequence

MARK = 0x5251
_ORIGINAL_DST, _SOL_IP = 80, 0
PIECE = 65536


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(prog="rundrill.faults.slow_way")
    parser.add_argument("--port", type=int, required=True, help="where the rule leads connections to")
    parser.add_argument(
        "--latency", type=float, required=True, help="seconds that each piece waits, each way"
    )
    parser.add_argument("--jitter", type=float, default=0.0, help="seconds more or less, at random")
    asked = parser.parse_args(argv)
    asyncio.run(_serve(asked.port, asked.latency, asked.jitter))
    return 0


async def _serve(port: int, latency: float, jitter: float) -> None:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await _onward(writer.get_extra_info("socket"))
        except OSError:
            writer.transport.abort()
            return
        ways = (_delayed(reader, far_writer, latency, jitter), _delayed(far_reader, writer, latency, jitter))
        await asyncio.gather(*ways, return_exceptions=True)
        for one in (writer, far_writer):
            one.close()

    server = await asyncio.start_server(carry, "0.0.0.0", port)
    async with server:
        await server.serve_forever()


async def _onward(near: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to where that one was meant to go, with the mark."""
    asked = near.getsockopt(_SOL_IP, _ORIGINAL_DST, 16)
    port, address = struct.unpack("!2xH4s8x", asked)
    far = socket.socket()
    far.setblocking(False)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
    try:
        await asyncio.get_running_loop().sock_connect(far, (socket.inet_ntoa(address), port))
    except OSError:
        far.close()
        raise
    return await asyncio.open_connection(sock=far)


async def _delayed(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, latency: float, jitter: float
) -> None:
    """Carries pieces one way: each waits its time, none overtakes another, and a later one does not wait for it to be written."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=256)

    async def read() -> None:
        while True:
            piece = await reader.read(PIECE)
            await waiting.put((loop.time() + max(0.0, latency + random.uniform(-jitter, jitter)), piece))
            if not piece:
                return

    reading = asyncio.create_task(read())
    try:
        while True:
            due, piece = await waiting.get()
            await asyncio.sleep(due - loop.time())
            if not piece:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(piece)
            await writer.drain()
    finally:
        reading.cancel()


if __name__ == "__main__":
    raise SystemExit(main())
