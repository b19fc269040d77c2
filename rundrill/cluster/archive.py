"""Images of one static program, written without any container tool: a docker archive is three files in a tar."""

import hashlib
import io
import json
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

    def write(self, directory: Path) -> tuple[str, Path]:
        """Its reference (tagged with its content) and its archive, written now if it is not there."""
        layer = self._layer()
        diff_id = "sha256:" + hashlib.sha256(layer).hexdigest()
        config = {
            "architecture": _architecture(),
            "os": "linux",
            "config": {"Entrypoint": list(self.entrypoint), "Env": ["PATH=/"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
            "history": [{"created_by": "rundrill"}],
        }
        body = json.dumps(config, sort_keys=True).encode()
        digest = hashlib.sha256(body).hexdigest()
        ref = f"{self.repository}:{digest[:12]}"
        path = directory / f"{self.repository.rpartition('/')[2]}-{digest[:12]}.tar"
        if not path.exists():
            manifest = [{"Config": f"{digest}.json", "RepoTags": [ref], "Layers": ["layer.tar"]}]
            directory.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            with tarfile.open(part, "w") as tar:
                for name, content in (
                    (f"{digest}.json", body),
                    ("layer.tar", layer),
                    ("manifest.json", json.dumps(manifest).encode()),
                ):
                    _add(tar, name, content, 0o644)
            part.rename(path)
        return ref, path

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


def _architecture() -> str:
    import platform

    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
