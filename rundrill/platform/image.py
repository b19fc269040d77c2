"""The platform's image: built once for each content, kept as an archive."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rundrill.cluster.provider import Progress
from rundrill.errors import TargetError

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RECIPE = DEPLOY / "images"
APP = DEPLOY / "app"
REPOSITORY = "rundrill.dev/platform"
_ROOTFS_SOURCES = ("packages.txt", "leave-out.txt", "make-rootfs.sh")


class BuildFailed(TargetError):
    """An image could not be built; the message ends with what the tool said."""


@dataclass(frozen=True)
class Image:
    """An image's reference, tagged with its content, and its docker archive."""

    ref: str
    archive: Path


def build_image(home: Path, say: Progress) -> Image:
    """The image of the sources as they are now; seconds where only the services changed, nothing where nothing did."""
    cache = home / "images"
    cache.mkdir(parents=True, exist_ok=True)
    rootfs_key = _digest(RECIPE / name for name in _ROOTFS_SOURCES)
    key = _digest([RECIPE / "Containerfile", *app_files()], seed=rootfs_key)
    image = Image(f"{REPOSITORY}:{key}", cache / f"platform-{key}.tar")
    if not image.archive.exists():
        rootfs = _rootfs(cache / f"rootfs-{rootfs_key}.tar", say)
        say(f"building the image {image.ref}")
        _build(image, rootfs, home / "buildah")
        _keep_newest(cache, "platform-*.tar", image.archive)
    return image


def app_files() -> list[Path]:
    """The files of the services' layer, in a fixed order; a tool's caches are none of them."""
    return sorted(
        file
        for file in APP.rglob("*")
        if file.is_file()
        and not any(part == "__pycache__" or part.startswith(".") for part in file.relative_to(APP).parts)
    )


def _digest(files: Iterable[Path], seed: str = "") -> str:
    total = hashlib.sha256(seed.encode())
    for file in files:
        executable = os.access(file, os.X_OK)
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(DEPLOY)} {executable} {content}\n".encode())
    return total.hexdigest()[:12]


def _rootfs(path: Path, say: Progress) -> Path:
    if not path.exists():
        say("fetching Debian packages for the platform's image (about a minute)")
        part = path.with_name(f"part-{path.name}")
        _run([str(RECIPE / "make-rootfs.sh"), str(part)])
        part.rename(path)
        _keep_newest(path.parent, "rootfs-*.tar", path)
    return path


def _build(image: Image, rootfs: Path, storage: Path) -> None:
    part = image.archive.with_name(f"part-{image.archive.name}")
    part.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=image.archive.parent) as name:
        context = Path(name)
        _fill(context, rootfs)
        if docker_answers():
            _run(
                ["docker", "build", "--quiet", "--file", f"{context}/Containerfile", "--tag", image.ref, name]
            )
            _run(["docker", "save", "--output", str(part), image.ref])
        else:
            _build_without_engine(image.ref, context, part, storage)
    part.rename(image.archive)


def _fill(context: Path, rootfs: Path) -> None:
    (context / "rootfs.tar").hardlink_to(rootfs)
    shutil.copy(RECIPE / "Containerfile", context)
    for file in app_files():
        copy = context / "app" / file.relative_to(APP)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)


def _build_without_engine(ref: str, context: Path, archive: Path, storage: Path) -> None:
    buildah = ["buildah", "--root", str(storage / "root"), "--runroot", str(storage / "run")]
    file = f"{context}/Containerfile"
    _run(
        [
            *buildah,
            "build",
            "--quiet",
            "--layers",
            "--isolation=chroot",
            "--file",
            file,
            "--tag",
            ref,
            str(context),
        ]
    )
    _run([*buildah, "push", "--quiet", ref, f"docker-archive:{archive}:{ref}"])


def docker_answers() -> bool:
    """Whether a Docker engine answers on this machine."""
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, timeout=10
    )
    return asked.returncode == 0


def _keep_newest(folder: Path, pattern: str, kept: Path) -> None:
    # Each archive is hundreds of megabytes; one older is kept for going back and forth between two states.
    others = sorted((p for p in folder.glob(pattern) if p != kept), key=lambda p: p.stat().st_mtime)
    for old in others[:-1]:
        old.unlink()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise BuildFailed(f"{Path(command[0]).name} failed ({done.returncode}): {done.stderr.strip()[-800:]}")
