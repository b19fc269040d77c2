"""Kafka's own Java consumer as a child process: its settings, its messages line by line, its flags."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shlex
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from services.pipeline.places import Places

log = logging.getLogger("services.pipeline.consumer")

PROPERTIES = Path(os.environ.get("CONSUMER_PROPERTIES", "/etc/pipeline/consumer.properties"))
_LOG4J = Path(os.environ.get("CONSUMER_LOG4J", "/etc/pipeline/log4j.properties"))
_LIBRARIES = os.environ.get("KAFKA_LIBS", "/opt/kafka/libs/*")
_PRINTED = ("print.partition=true", "print.offset=true", "print.key=true", "print.value=true")
_SETTING = re.compile(r"^\t([a-z][a-z0-9._]*) = (.*)$")
_MOST_BYTES = 4 << 20
_GOODBYE_SECONDS = 8.0


@dataclass(frozen=True)
class Taken:
    """One message of a topic."""

    partition: int
    offset: int
    key: str
    value: str


@dataclass
class Consumer:
    """A JVM that joins a group and prints what it reads; its start-up log tells its effective settings."""

    topic: str
    group: str
    places: Places
    settings: dict[str, object] = field(default_factory=dict)
    assigned: bool = False
    _process: asyncio.subprocess.Process | None = None

    def command(self) -> list[str]:
        """The JVM's command line: JAVA_OPTS first, then what only this process needs."""
        options = shlex.split(os.environ.get("JAVA_OPTS", ""))
        options += shlex.split(os.environ.get("CONSUMER_JVM_OPTS", ""))
        words = ["java", *options, f"-Dlog4j.configuration=file:{_LOG4J}", "-cp", _LIBRARIES]
        words += ["org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", self.places.kafka]
        words += ["--topic", self.topic, "--group", self.group, "--consumer.config", str(PROPERTIES)]
        for setting in _PRINTED:
            words += ["--property", setting]
        return words

    async def start(self) -> None:
        """Start the JVM and follow its log."""
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self.command(), stdout=pipe, stderr=pipe, limit=_MOST_BYTES
        )
        self._follower = asyncio.create_task(self._follow())

    @property
    def pid(self) -> int:
        """The JVM's process id; 0 where none runs."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    async def messages(self) -> AsyncIterator[Taken]:
        """Every message until the JVM ends."""
        assert self._process and self._process.stdout
        while line := await self._process.stdout.readline():
            try:
                yield parse(line.decode())
            except ValueError as error:
                log.error("a message that is none", extra={"cause": str(error)})

    async def stop(self) -> None:
        """Ask the JVM to leave its group and commit; kill it where it does not."""
        if self._process and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _GOODBYE_SECONDS)
            except TimeoutError:
                self._process.kill()

    async def ended(self) -> int:
        """The JVM's exit code, when it has one."""
        assert self._process
        return await self._process.wait()

    async def _follow(self) -> None:
        assert self._process and self._process.stderr
        while line := await self._process.stderr.readline():
            text = line.decode(errors="replace").rstrip("\n")
            if found := _SETTING.match(text):
                self.settings[found[1]] = int(found[2]) if found[2].lstrip("-").isdigit() else found[2]
                continue
            self._note(text)

    def _note(self, text: str) -> None:
        if "Adding newly assigned partitions" in text:
            self.assigned = True
        if "Revoke previously assigned" in text:
            self.assigned = False
        if text.strip():
            log.info("consumer: %s", text)
        if "Setting offset" not in text and "ConsumerConfig values" in text:
            self.settings.clear()


def parse(line: str) -> Taken:
    """The message that a line of the console consumer holds; ValueError where it is cut or of another form."""
    match = re.match(r"Partition:(\d+)\tOffset:(\d+)\t([^\t]*)\t(.*)$", line.rstrip("\n"), re.DOTALL)
    if not match:
        raise ValueError(f"{line[:80]!r} is no line of a consumer")
    return Taken(int(match[1]), int(match[2]), match[3], match[4])
