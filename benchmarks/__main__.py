"""`make bench`: times the commands a person waits for, and prints a table row each; nothing is asserted here."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.platforms import idle, thin_layer
from benchmarks.reading import compare

RUNDRILL = str(Path(sys.executable).with_name("rundrill"))


def timed(*command: str) -> tuple[float, int]:
    """Seconds that a whole command took, and its exit status; what it prints goes to stderr."""
    print(
        "$",
        " ".join(Path(word).name if word == RUNDRILL else word for word in command),
        file=sys.stderr,
        flush=True,
    )
    started = time.monotonic()
    status = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    return time.monotonic() - started, status


def second_up() -> str:
    """`rundrill up` where everything runs already; the middle of three."""
    timed(RUNDRILL, "up")
    return f"{sorted(timed(RUNDRILL, 'up')[0] for _ in range(3))[1]:.1f} s"


def cold_cluster() -> str:
    """`rundrill up --no-platform` after `rundrill down`, with warm caches."""
    timed(RUNDRILL, "down")
    return f"{timed(RUNDRILL, 'up', '--no-platform')[0]:.1f} s"


def all_platforms() -> str:
    """`rundrill up` after `rundrill down`, every platform, with warm caches."""
    timed(RUNDRILL, "down")
    took, status = timed(RUNDRILL, "up")
    return f"{took:.0f} s (exit {status})"


def read_only_checks() -> str:
    """`rundrill gate`, whole process; the middle of three."""
    return f"{sorted(timed(RUNDRILL, 'gate')[0] for _ in range(3))[1]:.1f} s"


def one_by_one() -> str:
    """All read-only promises by the engine, against the same questions typed one by one with kubectl, psql and curl."""
    return compare(lambda line: print(line, file=sys.stderr, flush=True))


def warm_drill() -> str:
    """`make drill` after `rundrill down`, with warm caches: cluster, platform, game day, report."""
    timed(RUNDRILL, "down")
    took, status = timed("make", "drill")
    return f"{took:.0f} s (exit {status})"


def newest_drill() -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The newest alert of reports/ that a drill with load proved, and its evidence."""
    for path in sorted(Path("reports").glob("2*/report.json"), reverse=True):
        for promise in json.loads(path.read_text())["promises"]:
            if promise["kind"] == "alert" and promise["measured"].get("load"):
                return promise, json.loads((path.parent / promise["evidence"]).read_text())
    return None


def hops_of_the_last_drill() -> str:
    """Each timed hop of the newest drill in reports/, in seconds after the fault was proven."""
    drill = newest_drill()
    if drill is None:
        return "no drill in reports/"
    return ", ".join(f"{hop['name']} {hop['after_s']:.1f}" for hop in drill[0]["measured"]["hops"])


def hop_error() -> str:
    """The largest difference between a hop of that drill and the raw times of Prometheus and the witness."""
    drill = newest_drill()
    if drill is None:
        return "no drill in reports/"
    at = {hop["name"]: datetime.fromisoformat(hop["at"]).timestamp() for hop in drill[0]["measured"]["hops"]}
    differences = {}
    for raw in drill[1]["raw"]:
        if raw["asked"].startswith("ALERTS{"):
            times = [float(t) for one in raw["answered"]["data"]["result"] for t, _ in one["values"]]
            differences["firing"] = abs(min(times) - at["firing"])
        if raw["source"] == "witness":
            for note in raw["answered"]:
                kind = "witness" if note["status"] == "firing" else "resolved"
                name, arrived = f"{kind}:{note['channel']}", datetime.fromisoformat(note["arrived_at"])
                if name in at:
                    differences.setdefault(name, abs(arrived.timestamp() - at[name]))
    return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in differences.items())


BENCHES: dict[str, Callable[[], str]] = {
    "second-up": second_up,
    "gate": read_only_checks,
    "one-by-one": one_by_one,
    "cold-cluster": cold_cluster,
    "all-platforms": all_platforms,
    "thin-layer": thin_layer,
    "idle": idle,
    "warm-drill": warm_drill,
    "hops": hops_of_the_last_drill,
    "hop-error": hop_error,
}


def main() -> None:
    """Runs the named benches, or all of them in an order that needs no bench twice."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    for name in parser.parse_args().names or BENCHES:
        print(f"| {name} | {BENCHES[name].__doc__} | {BENCHES[name]()} |", flush=True)


if __name__ == "__main__":
    main()
