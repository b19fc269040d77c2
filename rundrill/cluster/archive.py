"""Images of one static program, written without any container tool: a docker archive is three files in a tar."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SmallImage:
    """One layer, one program, no shell: `files` maps a path in the image to a file of this machine."""

    repository: str
    files: dict[str, Path]
    entrypoint: Sequence[str]

    def write(self, directory: Path) -> Path:
        """Its archive, written now if it is not there; file and tag are named after its content."""
        tag = self._fingerprint()
        path = directory / f"{self.repository.rpartition('/')[2]}-{tag}.tar"
        if not path.exists():
            layer = self._layer()
            config = self._config(layer)
            name = f"{hashlib.sha256(config).hexdigest()}.json"
            listed = [{"Config": name, "RepoTags": [f"{self.repository}:{tag}"], "Layers": ["layer.tar"]}]
            directory.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            with tarfile.open(part, "w") as tar:
                _add(tar, "manifest.json", json.dumps(listed).encode(), 0o644)
                _add(tar, name, config, 0o644)
                _add(tar, "layer.tar", layer, 0o644)
            part.rename(path)
        return path

    def _fingerprint(self) -> str:
        seen = hashlib.sha256(json.dumps([self.repository, list(self.entrypoint)]).encode())
        for name, source in sorted(self.files.items()):
            with source.open("rb") as program:
                seen.update(name.encode() + b"\0" + hashlib.file_digest(program, "sha256").digest())
        return seen.hexdigest()[:12]

    def _config(self, layer: bytes) -> bytes:
        config = {
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(
                platform.machine(), platform.machine()
            ),
            "os": "linux",
            "config": {"Entrypoint": list(self.entrypoint), "Env": ["PATH=/"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
            "history": [{"created_by": "rundrill"}],
        }
        return json.dumps(config, sort_keys=True).encode()

    def _layer(self) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for directory in ("tmp", "etc", "proc", "sys", "dev"):
                entry = tarfile.TarInfo(directory)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if directory == "tmp" else 0o755
                tar.addfile(entry)
            for name, source in sorted(self.files.items()):
                _add(tar, name, source.read_bytes(), 0o755)
        return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
