"""Images as stacks of tar layers, written without any container tool (OCI image layout 1.0)."""

import hashlib
import io
import json
import os
import platform
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

_OCI = "application/vnd.oci.image"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Blob:
    """Bytes that are named by their SHA-256, in memory or in a file."""

    sha256: str
    size: int
    source: Path | bytes

    @classmethod
    def of(cls, content: bytes) -> "Blob":
        """A blob of these bytes."""
        return cls(hashlib.sha256(content).hexdigest(), len(content), content)

    def described(self, kind: str) -> dict[str, object]:
        """Its descriptor, as manifests name it."""
        return {"mediaType": f"{_OCI}.{kind}", "digest": f"sha256:{self.sha256}", "size": self.size}

    def open(self) -> IO[bytes]:
        """Its content."""
        return self.source.open("rb") if isinstance(self.source, Path) else io.BytesIO(self.source)


@dataclass(frozen=True)
class Image:
    """Layers and how to start them; the tag is taken from the content, so that equal tags mean equal images."""

    repository: str
    layers: tuple[Blob, ...]
    settings: Mapping[str, object]

    @property
    def ref(self) -> str:
        """Repository and tag."""
        return f"{self.repository}:{self._config.sha256[:12]}"

    @cached_property
    def _config(self) -> Blob:
        content = {
            "architecture": _MACHINES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": dict(self.settings),
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.sha256}" for layer in self.layers]},
            "history": [{"created_by": "rundrill"} for _ in self.layers],
        }
        return Blob.of(_json(content))

    @cached_property
    def _manifest(self) -> Blob:
        content = {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": self._config.described("config.v1+json"),
            "layers": [layer.described("layer.v1.tar") for layer in self.layers],
        }
        return Blob.of(_json(content))

    @contextmanager
    def archived(self, folder: Path, left_out: Collection[Blob] = ()) -> Iterator[Path]:
        """Its archive, without the layers that are there already, for as long as the block runs."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.ref.rpartition('/')[2].replace(':', '-')}-{os.getpid()}.tar"
        try:
            with tarfile.open(path, "w") as tar:
                for name, blob in self._members(left_out):
                    _add(tar, name, blob)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _members(self, left_out: Collection[Blob]) -> Iterator[tuple[str, Blob]]:
        named = {"org.opencontainers.image.ref.name": self.ref, "io.containerd.image.name": self.ref}
        first = self._manifest.described("manifest.v1+json") | {"annotations": named}
        yield "oci-layout", Blob.of(_json({"imageLayoutVersion": "1.0.0"}))
        yield "index.json", Blob.of(_json({"schemaVersion": 2, "manifests": [first]}))
        # What reads docker archives only (kind looks into this file for the names) finds the same blobs.
        docker = {"Config": _path(self._config), "RepoTags": [self.ref], "Layers": [*map(_path, self.layers)]}
        yield "manifest.json", Blob.of(_json([docker]))
        for blob in (self._manifest, self._config, *(b for b in self.layers if b not in left_out)):
            yield _path(blob), blob


def layer_of(files: Iterable[tuple[str, Path]]) -> Blob:
    """A layer of these files by their path in the image, the same bytes whenever and by whomever it is made."""
    buffer, made = io.BytesIO(), set[str]()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, file in sorted(files):
            for folder in reversed(Path(name).parents[:-1]):
                if str(folder) not in made:
                    made.add(str(folder))
                    tar.addfile(_entry(str(folder), tarfile.DIRTYPE, 0o755))
            mode = 0o755 if os.access(file, os.X_OK) else 0o644
            content = file.read_bytes()
            tar.addfile(_entry(name, tarfile.REGTYPE, mode, len(content)), io.BytesIO(content))
    return Blob.of(buffer.getvalue())


def blob_of_file(path: Path) -> Blob:
    """The file as a blob; its digest stands beside it, since reading a gigabyte takes a while."""
    beside = path.with_suffix(".sha256")
    if not beside.exists():
        with path.open("rb") as content:
            beside.write_text(hashlib.file_digest(content, "sha256").hexdigest())
    return Blob(beside.read_text(), path.stat().st_size, path)


def _path(blob: Blob) -> str:
    return f"blobs/sha256/{blob.sha256}"


def _json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True).encode()


def _entry(name: str, kind: bytes, mode: int, size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size = kind, mode, size
    return entry


def _add(tar: tarfile.TarFile, name: str, blob: Blob) -> None:
    entry = _entry(name, tarfile.REGTYPE, 0o644, blob.size)
    with blob.open() as content:
        tar.addfile(entry, content)
