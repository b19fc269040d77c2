"""What a running JVM says of itself, asked as jcmd asks: by HotSpot's attach socket.

The JVM must have been started with -XX:+StartAttachListener. Otherwise it opens the socket at a SIGQUIT only, and when it
comes at the wrong moment, it answers with a thread dump in the midst of the messages.
"""

from __future__ import annotations

import re
import socket

_PATIENCE_SECONDS = 5.0


class NoJvm(Exception):
    """The process does not answer as a JVM."""


def ask(pid: int, command: str) -> str:
    """The JVM's answer to one diagnostic command, such as `VM.flags`; NoJvm where it gives none."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_PATIENCE_SECONDS)
            line.connect(f"/proc/{pid}/root/tmp/.java_pid{pid}")
            line.sendall(b"1\0jcmd\0" + command.encode() + b"\0\0\0")
            answer = b"".join(iter(lambda: line.recv(65536), b""))
    except OSError as error:
        raise NoJvm(f"process {pid}: {error}") from error
    status, _, text = answer.decode().partition("\n")
    if status != "0":
        raise NoJvm(f"process {pid}: {command} answered {status}: {text[:200]}")
    return text


def flags(pid: int) -> dict[str, object]:
    """The JVM's flags as they are in force: numbers as numbers, switches as booleans."""
    found: dict[str, object] = {}
    for sign, name, value in re.findall(r"-XX:([+-]?)(\w+)(?:=(\S*))?", ask(pid, "VM.flags")):
        found[name] = sign == "+" if sign else (int(value) if value.isdigit() else value)
    return found
