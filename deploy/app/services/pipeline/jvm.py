"""What a running JVM says of itself, asked as jcmd asks: by HotSpot's attach socket."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path

_PATIENCE_SECONDS = 5.0


class NoJvm(Exception):
    """The process does not answer as a JVM."""


def ask(pid: int, command: str) -> str:
    """The JVM's answer to one diagnostic command, such as `VM.flags`; NoJvm where it gives none."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_PATIENCE_SECONDS)
            line.connect(str(_listening(pid)))
            line.sendall(b"1\0jcmd\0" + command.encode() + b"\0\0\0")
            answer = b"".join(iter(lambda: line.recv(65536), b""))
    except OSError as error:
        raise NoJvm(f"process {pid}: {error}") from error
    status, _, text = answer.decode().partition("\n")
    if status != "0":
        raise NoJvm(f"process {pid}: {command} answered {status}: {text[:200]}")
    return text


def _listening(pid: int) -> Path:
    """The JVM's socket, which it opens when it finds the attach file and is sent SIGQUIT."""
    door = Path(f"/proc/{pid}/root/tmp/.java_pid{pid}")
    if door.exists():
        return door
    bell = Path(f"/proc/{pid}/root/tmp/.attach_pid{pid}")
    bell.touch()
    try:
        os.kill(pid, signal.SIGQUIT)
        until = time.monotonic() + _PATIENCE_SECONDS
        while not door.exists():
            if time.monotonic() > until:
                raise NoJvm(f"process {pid}: no attach socket")
            time.sleep(0.05)
    finally:
        bell.unlink(missing_ok=True)
    return door


def flags(pid: int) -> dict[str, object]:
    """The JVM's flags as they are in force: numbers as numbers, switches as booleans."""
    found: dict[str, object] = {}
    for sign, name, value in re.findall(r"-XX:([+-]?)(\w+)(?:=(\S*))?", ask(pid, "VM.flags")):
        found[name] = sign == "+" if sign else (int(value) if value.isdigit() else value)
    return found
