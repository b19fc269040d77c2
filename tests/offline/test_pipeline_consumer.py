"""An agent's Java consumer: its settings come out of its own log, its messages line by line, and it is told to leave."""

import asyncio
import stat
from pathlib import Path

import app_sources  # noqa: F401 # makes `services` importable
import pytest
from services.pipeline import consumer
from services.pipeline.consumer import Consumer, Taken, parse
from services.pipeline.places import Places

# What Kafka's console consumer writes, told by a program that bears the JVM's name. All that a test reads comes
# before its first message: after that it may be told to leave at any time.
PROGRAM = """#!/bin/bash
echo "$@" > "$GOODBYE.words"
trap 'echo left > "$GOODBYE"; exit 0' TERM
printf 'INFO ConsumerConfig ConsumerConfig values: \\n\\tfetch.min.bytes = 50000\\n\\tgroup.id = triage-agent-group\\n' >&2
printf 'INFO ConsumerRebalanceListenerInvoker Adding newly assigned partitions: bug-reports-0\\n' >&2
printf 'Partition:3\\tOffset:7\\tone\\t{"id": "one"}\\nnonsense\\nPartition:0\\tOffset:8\\ttwo\\ta\\tb\\n'
echo "$@" > "$GOODBYE.words"
while true; do sleep 0.1; done
"""


@pytest.fixture
def goodbye(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "java"
    program.write_text(PROGRAM)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("GOODBYE", str(tmp_path / "goodbye"))
    monkeypatch.setenv("JAVA_OPTS", "-Xmx2g -XX:+UseG1GC")
    return tmp_path / "goodbye"


async def first(messages: int) -> tuple[list[Taken], Consumer]:
    """So many messages of a consumer that is told to leave after them."""
    taken: list[Taken] = []
    running = Consumer("bug-reports", "triage-agent-group", Places.from_environment({}))
    await running.start()
    async for message in running.messages():
        taken.append(message)
        if len(taken) == messages:
            break
    while not running.assigned:
        await asyncio.sleep(0.01)
    await running.stop()
    return taken, running


def test_the_settings_in_force_are_those_of_the_start_up_log(goodbye: Path) -> None:
    _, ran = asyncio.run(first(2))
    assert ran.settings == {"fetch.min.bytes": 50000, "group.id": "triage-agent-group"}


def test_a_line_that_is_no_message_is_passed_over(goodbye: Path) -> None:
    taken, _ = asyncio.run(first(2))
    assert taken == [Taken(3, 7, "one", '{"id": "one"}'), Taken(0, 8, "two", "a\tb")]


def test_a_consumer_is_asked_to_leave_its_group(goodbye: Path) -> None:
    _, ran = asyncio.run(first(1))
    assert goodbye.read_text() == "left\n"
    assert ran.pid == 0


def test_the_jvm_gets_the_options_and_the_properties(goodbye: Path) -> None:
    asyncio.run(first(1))
    words = goodbye.with_name("goodbye.words").read_text().split()
    assert words[:2] == ["-Xmx2g", "-XX:+UseG1GC"]
    assert words[words.index("--consumer.config") + 1] == str(consumer.PROPERTIES)


@pytest.mark.parametrize("line", ["", "Partition:x\tOffset:1\tk\tv", "Partition:1\tOffset:1\tno value"])
def test_a_cut_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="no line of a consumer"):
        parse(line)
