"""The image of rundrill itself, for what must run in the cluster: the base, our pinned libraries, our code."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from rundrill.cluster.provider import Progress
from rundrill.errors import TargetError
from rundrill.platform.app_imports import DEPLOY
from rundrill.platform.layers import Blob, Image, blob_of_file, layer_of

ROOT = DEPLOY.parent
NEEDS = (
    "kubernetes",
    "prometheus-api-client",
    "promql-parser",
    "psycopg",
    "psycopg-binary",
    "pydantic",
    "pyyaml",
)
"""What undoing imports; the rest of what it drags in is looked up by uv, in the versions of requirements.lock."""
PYTHON = "3.13"
"""Of the base image, Debian 13."""
_PLACE = "opt/rundrill"


def libraries_image(base: Image, home: Path, say: Progress) -> Image:
    """The base with our libraries; they are fetched once for each lock file."""
    settings = {
        **base.settings,
        "Env": [*_environment(base), f"PYTHONPATH=/{_PLACE}/libraries:/{_PLACE}"],
        "WorkingDir": "/tmp",
    }
    return Image("rundrill.dev/libraries", (*base.layers, _libraries(home / "images", say)), settings)


def engine_image(libraries: Image) -> Image:
    """The image with our code as it stands now, on top of those libraries."""
    return Image("rundrill.dev/rundrill", (*libraries.layers, _code()), libraries.settings)


def _environment(base: Image) -> list[str]:
    said = base.settings["Env"]
    assert isinstance(said, list)
    return [one for one in said if not one.startswith("PYTHONPATH=")]


def _code() -> Blob:
    files = (
        file for file in (ROOT / "rundrill").rglob("*") if file.is_file() and "__pycache__" not in file.parts
    )
    return layer_of((f"{_PLACE}/{file.relative_to(ROOT)}", file) for file in files)


def _libraries(cache: Path, say: Progress) -> Blob:
    """One layer with the libraries, kept as a file."""
    lock = ROOT / "requirements.lock"
    key = hashlib.sha256(lock.read_bytes() + repr((NEEDS, PYTHON)).encode()).hexdigest()[:12]
    path = cache / f"libraries-{key}.tar"
    if not path.exists():
        say("fetching the libraries of rundrill's own image")
        folder = cache / f"part-libraries-{os.getpid()}"
        try:
            _install(folder, _pins(lock.read_text()))
            files = [file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
            blob = layer_of((f"{_PLACE}/libraries/{file.relative_to(folder)}", file) for file in files)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        part = path.with_suffix(".part")
        with blob.open() as content, part.open("wb") as out:
            shutil.copyfileobj(content, out)
        part.rename(path)
    return blob_of_file(path)


def _pins(lock: str) -> list[str]:
    """`name==version` of everything that is locked for Linux."""
    return re.findall(r"^([a-z0-9][a-z0-9.-]*==[^ ;\\]+) \\$", lock, re.MULTILINE)


def _install(folder: Path, pins: Iterable[str]) -> None:
    constraints = folder.with_suffix(".constraints")
    constraints.write_text("\n".join(pins))
    words = [_uv(), "pip", "install", "--quiet", "--target", str(folder), "--python-version", PYTHON]
    words += ["--python-platform", "linux", "--only-binary", ":all:", "--constraint", str(constraints)]
    try:
        done = subprocess.run([*words, *NEEDS, "redis"], capture_output=True, text=True, check=False)
    finally:
        constraints.unlink()
    if done.returncode:
        raise TargetError(f"uv could not fetch rundrill's libraries: {done.stderr.strip()[-600:]}")


def _uv() -> str:
    """The uv that `make setup` found or made; one that only a version manager's shim stands for may not run."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in (ROOT / ".tools/bin/uv", shutil.which("uv"), *sorted(pyenv.glob("*/bin/uv"))):
        if candidate and _answers(str(candidate)):
            return str(candidate)
    raise TargetError("no uv on this machine: run `make setup` first")


def _answers(program: str) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, timeout=20).returncode == 0
    except OSError:
        return False
