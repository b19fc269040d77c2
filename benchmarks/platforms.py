"""What five platforms cost: until they are up, for an edit to reach them, and while nobody asks anything of them."""

import os
import time
from pathlib import Path

from rundrill.cluster import open_provider
from rundrill.platform.image import base_image, deliver
from rundrill.platform.layers import Image, layer_of

_WATCHED_S = 180
_EVERY_S = 5


def idle() -> str:
    """Load average, processors in use and memory over three minutes; call it when nothing else has run for five."""
    before, loads, used = _busy(), [], []
    for _ in range(_WATCHED_S // _EVERY_S):
        time.sleep(_EVERY_S)
        loads.append(os.getloadavg()[0])
        used.append(_memory_in_use())
    busy = (_busy() - before) / _WATCHED_S
    return (
        f"load average {sum(loads) / len(loads):.2f} (highest {max(loads):.2f}), {busy:.2f} of {os.cpu_count()}"
        f" processors busy, {max(used) / 2**30:.1f} GiB in use on the whole machine"
    )


def thin_layer() -> str:
    """A layer of services that no node has yet, onto both nodes."""
    provider = open_provider()
    home = provider.kubeconfig().parents[1]
    base = base_image(home, lambda _: None)
    note = Path(home, "images", "benchmark.txt")
    note.write_text(str(time.time_ns()))
    try:
        image = Image("rundrill.dev/platform", (*base.layers, layer_of([("srv/note", note)])), base.settings)
        started = time.monotonic()
        deliver([image], base, provider, home, lambda _: None)
        return f"{time.monotonic() - started:.1f} s"
    finally:
        note.unlink()


def _busy() -> float:
    """Seconds that processors worked since the machine started."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _memory_in_use() -> int:
    found = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return (int(found["MemTotal"].split()[0]) - int(found["MemAvailable"].split()[0])) * 1024
