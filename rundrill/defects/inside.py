"""Runs one form of a defect inside the scratch pod: standard library only, since it is sent there as text.

Its only argument is {"form", "given", "files", "servers", "settings", "timeout"}; it writes one JSON object of what the form did.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import IO, Any

type Json = dict[str, Any]

MARK = "RUNDRILL_FORM"
MOST = 20_000
"""Characters of an output that are kept."""


def main() -> None:
    """Runs the form in a directory of its own; nothing of it is left afterwards, no process and no file."""
    asked = json.loads(sys.argv[1])
    home = pathlib.Path(tempfile.mkdtemp(prefix="form-", dir="/scratch"))
    try:
        sys.stdout.write(json.dumps(run(asked, home)))
    finally:
        end_everything(home.name)
        shutil.rmtree(home, ignore_errors=True)


def run(asked: Json, home: pathlib.Path) -> Json:
    """What the form did; `broken` says what kept it from being run at all."""
    work = home / "work"
    work.mkdir()
    for name, text in asked["files"].items():
        (work / name).write_text(text)
    environment = surroundings(home)
    try:
        for server in asked["servers"]:
            SERVERS[server](home, environment, asked["settings"].get(server, {}))
        if asked["given"]:
            done = bash(asked["given"], work, environment, 60)
            if done["exit"]:
                said = (done["stderr"] or done["stdout"])[-400:]
                return {"broken": f"`given` ended with {done['exit']}: {said}"}
    except ServerFailed as error:
        return {"broken": str(error)}
    return bash(asked["form"], work, environment, asked["timeout"])


class ServerFailed(Exception):
    """A server of the form did not start."""


def surroundings(home: pathlib.Path) -> Json:
    """The environment of a form: its own home, and nothing that leads elsewhere."""
    programs = [str(path) for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin")]
    known = ["/opt/kafka/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    (home / "bin").mkdir()
    return {
        "PATH": ":".join([str(home / "bin"), *programs, *known]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        MARK: home.name,
    }


def bash(script: str, work: pathlib.Path, environment: Json, timeout: float) -> Json:
    """Exit code, output and duration of a script; 124 where it did not end in time."""
    started = time.monotonic()
    with (work.parent / "out").open("w+b") as out, (work.parent / "err").open("w+b") as err:
        child = subprocess.Popen(
            ["bash", "-c", script],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            code, late = child.wait(timeout), False
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            code, late = 124, True
        took = time.monotonic() - started
        texts = [read(stream).replace(str(work.parent), "~") for stream in (out, err)]
    return {"exit": code, "stdout": texts[0], "stderr": texts[1], "took": took, "timed_out": late}


def read(stream: IO[bytes]) -> str:
    """What was written, as text without blanks at its ends; only its beginning where it is long."""
    stream.seek(0)
    return stream.read(MOST * 4).decode(errors="replace")[:MOST].strip()


def start_postgres(home: pathlib.Path, environment: Json, settings: Json) -> None:
    """A server of its own, on a socket in the form's directory; PGDATA and PGHOST name it."""
    data = home / "postgres"
    shutil.copytree("/scratch/template", data, copy_function=shutil.copy)
    data.chmod(0o700)
    lines = [f"{name} = '{said}'" for name, said in settings.items()]
    lines += ["listen_addresses = ''", f"unix_socket_directories = '{home}'", "fsync = off"]
    with (data / "postgresql.conf").open("a") as file:
        file.write("\n".join(["shared_buffers = '16MB'", "max_connections = 30", *lines, ""]))
    environment |= {"PGHOST": str(home), "PGDATA": str(data), "PGUSER": "postgres"}
    started = bash(f"pg_ctl -w -t 30 -l {home}/postgres.log start", home / "work", environment, 40)
    if started["exit"]:
        raise ServerFailed("PostgreSQL did not start: " + (home / "postgres.log").read_text()[-300:])


def start_redis(home: pathlib.Path, environment: Json, settings: Json) -> None:
    """A server of its own, on a socket; every redis-cli of the form means it, whatever host it names."""
    sock = home / "redis.sock"
    (home / "redis").mkdir()
    words = [word for name, said in settings.items() for word in (f"--{name}", str(said))]
    command = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        str(sock),
        "--save",
        "",
        "--dir",
        str(home / "redis"),
    ]
    command += ["--daemonize", "yes", "--logfile", str(home / "redis.log"), *words]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    wrapper = home / "bin" / "redis-cli"
    wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/redis-cli -s "{sock}" "$@"\n')
    wrapper.chmod(0o755)
    environment["REDIS_SOCKET"] = str(sock)
    until(sock.exists, "Redis did not start")


def start_kafka(home: pathlib.Path, environment: Json, settings: Json) -> None:
    """A broker of its own in KRaft mode; KAFKA is its address."""
    port = free_port()
    properties = home / "kafka.properties"
    told = kafka_properties(port) | {"log.dirs": home / "kafka"}
    properties.write_text("".join(f"{name}={said}\n" for name, said in told.items()))
    environment |= {"KAFKA": f"127.0.0.1:{port}", "KAFKA_HEAP_OPTS": "-Xmx256m", "LOG_DIR": str(home)}
    script = (
        f"kafka-storage.sh format -t $(kafka-storage.sh random-uuid) -c {properties} >{home}/format.log 2>&1 &&"
        f" (kafka-server-start.sh {properties} >{home}/kafka.log 2>&1 &)"
        f" && for i in $(seq 60); do"
        f" (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && exit 0; sleep 0.5; done; exit 1"
    )
    if bash(script, home / "work", environment, 60)["exit"]:
        raise ServerFailed("Kafka did not start")


def kafka_properties(port: int) -> Json:
    """One broker that is its own controller, on loopback."""
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{port + 1}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{port + 1}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "offsets.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
    }


SERVERS = {"postgres": start_postgres, "redis": start_redis, "kafka": start_kafka}


def free_port() -> int:
    """The first of two ports that nobody has."""
    import random
    import socket

    while True:
        port = random.randrange(20000, 60000, 2)
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue


def until(there: Callable[[], bool], complaint: str) -> None:
    """Returns once it is there; ServerFailed after ten seconds."""
    deadline = time.monotonic() + 10
    while not there():
        if time.monotonic() > deadline:
            raise ServerFailed(complaint)
        time.sleep(0.02)


def end_everything(mark: str) -> None:
    """Ends every process that the form started, also those that left its session."""
    wanted = f"{MARK}={mark}".encode()
    for _ in range(20):
        # PostgreSQL writes its title over its environment, but stays in its directory.
        left = [pid for pid in pids() if wanted in environ(pid) or f"/{mark}/" in f"{working_in(pid)}/"]
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def pids() -> list[int]:
    """Every process but this one."""
    return [int(path.name) for path in pathlib.Path("/proc").glob("[0-9]*") if path.name != str(os.getpid())]


def environ(pid: int) -> bytes:
    """The environment that a process was started with; nothing where it is gone or somebody else's."""
    try:
        return pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def working_in(pid: int) -> str:
    """The directory that a process works in; nothing where it is gone or somebody else's."""
    try:
        return str(pathlib.Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return ""


if __name__ == "__main__":
    main()
