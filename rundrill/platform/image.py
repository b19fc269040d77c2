"""The platforms' images: a Debian root file system, and for each platform a thin layer of its services on top."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rundrill.cluster.provider import Progress, Provider
from rundrill.errors import TargetError
from rundrill.platform.app_imports import APP, DEPLOY, needed_by
from rundrill.platform.layers import Blob, Image, blob_of_file, layer_of

RECIPE = DEPLOY / "images"
_ROOTFS_SOURCES = ("packages.txt", "leave-out.txt", "make-rootfs.sh")
_PATH = "/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SETTINGS: dict[str, object] = {
    "Env": [f"PATH={_PATH}", "LANG=C.UTF-8", "PYTHONPATH=/srv", "PYTHONUNBUFFERED=1"],
    "Entrypoint": ["/usr/bin/catatonit", "--"],
    "WorkingDir": "/srv",
}
# The package of services of a platform whose name is no identifier, or another.
_PACKAGES = {"ai-pipeline": "pipeline", "ai-data-readiness": "readiness", "aic-aipaas": "aipaas"}


_ROLES_FOR_ALL = ("backup.py", "content_digest.sql")
"""Roles without a package that any platform may give its pods, and what they read."""
_SHARED_ROLES = ("witness.py", "kube_state.py")
"""Those of the monitoring that all platforms share."""


class BuildFailed(TargetError):
    """An image could not be built; the message ends with what the tool said."""


def base_image(home: Path, say: Progress) -> Image:
    """Debian with the servers, without any code of ours; made once for each recipe, which takes a minute."""
    with _alone(home):
        layers = _rootfs(home / "images", say), _kafka(home / "images", say)
    return Image("rundrill.dev/base", layers, _SETTINGS)


def services_image(base: Image, slug: str = "") -> Image:
    """The base with one platform's services, or those that all share; made anew each time, in milliseconds."""
    command = {"Cmd": ["python3", "-m", "services"]}
    return Image("rundrill.dev/platform", (*base.layers, _layer(app_files(slug))), {**_SETTINGS, **command})


def next_release(services: Image) -> Image:
    """The same services under another tag: what a drill rolls out as the next version."""
    return replace(services, settings={**services.settings, "Labels": {"rundrill.dev/release": "next"}})


def database_image(base: Image) -> Image:
    """The base with the schema of the first platform's database and what makes its first rows, and no other code."""
    schema = {file for file in (APP / "database").iterdir() if file.is_file()}
    seed = APP / "services" / "aipaas" / "seed.py"
    return Image("rundrill.dev/database", (*base.layers, _layer(schema | needed_by({seed}))), _SETTINGS)


def app_files(slug: str = "") -> set[Path]:
    """The files of a platform's layer: its own package and whatever that imports; nothing that only others use."""
    services = APP / "services"
    own = {
        file for file in (services / package_of(slug)).rglob("*") if file.is_file() and not _is_cache(file)
    }
    roles = _ROLES_FOR_ALL if slug else _SHARED_ROLES
    return own | needed_by({services / "__main__.py", *(services / name for name in roles), *own})


def package_of(slug: str) -> str:
    """The package under services/ that holds a platform's own roles."""
    return _PACKAGES.get(slug, slug or "no-package")


def _is_cache(file: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in file.relative_to(APP).parts)


def deliver(images: Iterable[Image], base: Image, provider: Provider, home: Path, say: Progress) -> None:
    """Every image on every node; where the nodes keep layers, only those that they do not have travel."""
    out = home / "images" / "out"
    with _alone(home):
        # What an `up` left that was killed while it wrote.
        shutil.rmtree(out, ignore_errors=True)
        wanted = {image.ref: image for image in (base, *images)}
        missing = provider.missing_images(wanted)
        for image in (image for ref, image in wanted.items() if ref in missing):
            known = base.layers if provider.keeps_layers and image != base else ()
            with image.archived(out, known) as archive:
                provider.load_images([archive], say)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Lets one process at a time work on the images; a second finds them made."""
    (home / "images").mkdir(parents=True, exist_ok=True)
    with (home / "images" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _rootfs(cache: Path, say: Progress) -> Blob:
    path = cache / f"rootfs-{_digest(RECIPE / name for name in _ROOTFS_SOURCES)}.tar"
    if not path.exists():
        say("fetching Debian packages for the platforms' images (about a minute)")
        part = path.with_name(f"part-{path.name}")
        _run([str(RECIPE / "make-rootfs.sh"), str(part)])
        part.rename(path)
        _keep_newest(cache, "rootfs-*.tar", path)
    return blob_of_file(path)


def _kafka(cache: Path, say: Progress) -> Blob:
    """Kafka as /opt/kafka: the jars that the pom asks for, and the thin commands that start them."""
    pom = RECIPE / "kafka" / "pom.xml"
    jars = cache / f"kafka-{_digest([pom])}"
    if not jars.exists():
        say("fetching Kafka's jars")
        with tempfile.TemporaryDirectory(dir=cache) as part:
            words = [
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={part}/libs",
            ]
            _run(["mvn", "--quiet", "--batch-mode", f"--file={pom}", *words])
            Path(part, "libs").rename(jars)
    own = [
        (file, file.relative_to(pom.parent))
        for part in ("bin", "config")
        for file in (pom.parent / part).iterdir()
    ]
    libs = [(file, Path("libs", file.name)) for file in jars.iterdir()]
    return layer_of((f"opt/kafka/{path}", file) for file, path in (*own, *libs))


def _layer(files: Iterable[Path]) -> Blob:
    return layer_of((f"srv/{file.relative_to(APP)}", file) for file in files)


def _digest(files: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(DEPLOY)} {os.access(file, os.X_OK)} {content}\n".encode())
    return total.hexdigest()[:12]


def _keep_newest(folder: Path, pattern: str, kept: Path) -> None:
    # Each is about a gigabyte; one older is kept for going back and forth between two states.
    others = sorted((p for p in folder.glob(pattern) if p != kept), key=lambda p: p.stat().st_mtime)
    for old in others[:-1]:
        old.unlink()
        old.with_suffix(".sha256").unlink(missing_ok=True)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise BuildFailed(
            f"{Path(command[0]).name} failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-800:]}"
        )
