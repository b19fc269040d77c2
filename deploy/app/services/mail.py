"""A mail server that accepts messages and hands them on: RFC 5321's minimum, no relay, no TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email import message_from_string
from email.header import decode_header, make_header

Keep = Callable[["Mail"], Awaitable[None]]
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Mail:
    """One message as it came, for one recipient."""

    recipient: str
    headers: tuple[tuple[str, str], ...]
    raw: str


async def listen(port: int, keep: Keep) -> asyncio.Server:
    """A server on this port that calls `keep` for each message and recipient before it says 250."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Conversation(reader, writer, keep).run()
        except (OSError, ValueError, asyncio.IncompleteReadError):
            pass  # The sender went away or spoke nonsense; what was accepted is kept.
        finally:
            writer.close()

    return await asyncio.start_server(converse, "", port, limit=_MOST_BYTES)


class Conversation:
    """One SMTP session."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep: Keep) -> None:
        self._reader = reader
        self._writer = writer
        self._keep = keep
        self._recipients: list[str] = []

    async def run(self) -> None:
        """Answer commands until QUIT or the end of the connection."""
        await self._say("220 witness ready")
        while line := await self._reader.readline():
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            if verb.upper() == "QUIT":
                await self._say("221 bye")
                return
            await self._say(await self._answer(verb.upper(), rest))

    async def _answer(self, verb: str, rest: str) -> str:
        if verb == "DATA":
            return await self._message()
        if verb == "RCPT":
            self._recipients.append(rest.partition(":")[2].strip().partition(" ")[0].strip("<>"))
        if verb in ("RSET", "MAIL"):
            self._recipients.clear()
        known = verb in ("HELO", "EHLO", "MAIL", "RCPT", "RSET", "NOOP")
        return "250 ok" if known else "502 not known"

    async def _message(self) -> str:
        if not self._recipients:
            return "503 RCPT first"
        await self._say("354 go on")
        lines: list[str] = []
        while (line := (await self._reader.readline()).decode("utf-8", "replace")) != ".\r\n":
            if not line:
                raise asyncio.IncompleteReadError(b"", None)
            lines.append(line.removeprefix(".") if line.startswith("..") else line)
        for mail in mails_of("".join(lines), self._recipients):
            await self._keep(mail)
        self._recipients.clear()
        return "250 kept"

    async def _say(self, line: str) -> None:
        self._writer.write(line.encode() + b"\r\n")
        await self._writer.drain()


def mails_of(raw: str, recipients: list[str]) -> list[Mail]:
    """The message once for each recipient, its headers decoded."""
    parsed = message_from_string(raw)
    headers = tuple((name, str(make_header(decode_header(value)))) for name, value in parsed.items())
    return [Mail(recipient, headers, raw) for recipient in recipients]
