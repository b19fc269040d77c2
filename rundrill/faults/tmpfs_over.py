"""Lays a small tmpfs over a directory in another process's mounts, filled to a point, or lifts it again.

It runs by itself in a hand (`python3 -m rundrill.faults.tmpfs_over lay PID PATH BYTES FILL`, `… lift PID PATH`): the
container that it enters need hold no program for it.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCE = "rundrill-full"
"""What the mount is called, so that nobody's else is ever lifted."""
_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


def main(argv: Sequence[str]) -> int:
    """0 once it is laid, or once none of ours is left there."""
    does, pid, path, *numbers = argv
    mounts = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    # Read while /proc is still that of the node.
    listed = Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8")
    os.setns(mounts, os.CLONE_NEWNS)
    if does == "lay":
        _lay(path, *map(int, numbers))
        return 0
    for _ in range(_ours(listed, path)):
        if _libc.umount2(path.encode(), _DETACH):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return 0


def _lay(path: str, room: int, fill: int) -> None:
    told = f"size={room},mode=1777".encode()
    if _libc.mount(SOURCE.encode(), path.encode(), b"tmpfs", 0, told):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    try:
        with Path(path, SOURCE).open("wb", buffering=0) as out:
            for _ in range(fill // 4096):
                out.write(bytes(4096))
    except OSError:
        return  # Full is what it shall be.


def _ours(mountinfo: str, path: str) -> int:
    """How many of ours lie over the path."""
    lines = (line.split() for line in mountinfo.splitlines())
    return sum(words[4] == path and words[-2] == SOURCE for words in lines)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
