"""The relay hangs up on a user whose service is away without a reset, which would end everybody's way in."""

import asyncio
import socket

from rundrill.relay import meet

ASKS = b"GET / HTTP/1.1\r\n\r\n"


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def said_to_a_user_of(port: int, late: bool = False) -> bytes:
    """What a user hears to the end; `late` where he asks only then. A reset is a ConnectionError."""

    async def door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await meet(reader, writer, "127.0.0.1", port)

    async with await asyncio.start_server(door, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        if not late:
            writer.write(ASKS)
        said = await reader.read()
        for _ in range(3 if late else 0):
            writer.write(ASKS)
            await writer.drain()
            await asyncio.sleep(0.05)
        writer.close()
        return said


def test_a_user_whose_service_refuses_is_told_the_end_and_not_reset() -> None:
    assert asyncio.run(said_to_a_user_of(closed_port())) == b""
    assert asyncio.run(said_to_a_user_of(closed_port(), late=True)) == b""


def test_what_a_service_says_reaches_the_user_to_its_end() -> None:
    async def answered() -> bytes:
        async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(b"well")
            writer.close()

        async with await asyncio.start_server(service, "127.0.0.1", 0) as server:
            return await said_to_a_user_of(server.sockets[0].getsockname()[1])

    assert asyncio.run(answered()) == b"well"
