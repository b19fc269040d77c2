"""Images without a container tool, and archives told apart by content."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from rundrill.cluster.archive import SmallImage
from rundrill.cluster.images import open_archive, qualified
from rundrill.cluster.provider import ClusterRefused


def small_image(program: Path) -> SmallImage:
    return SmallImage("rundrill.dev/example", {"example": program}, ("/example", "--serve"))


def test_the_same_program_gives_the_same_image_byte_for_byte(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF one")
    first = small_image(program).write(tmp_path / "first")
    again = small_image(program).write(tmp_path / "again")
    assert first.name == again.name
    assert first.read_bytes() == again.read_bytes()


def test_another_program_gives_another_tag(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF one")
    first = open_archive(small_image(program).write(tmp_path))
    program.write_bytes(b"\x7fELF two")
    second = open_archive(small_image(program).write(tmp_path))
    assert first.refs != second.refs
    assert first.content != second.content


def test_the_layer_holds_the_program_as_an_executable(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF one")
    with tarfile.open(small_image(program).write(tmp_path)) as archive:
        layer = archive.extractfile("layer.tar")
        assert layer is not None
        with tarfile.open(fileobj=io.BytesIO(layer.read())) as files:
            member = files.getmember("example")
            content = files.extractfile(member)
            assert content is not None
            assert (member.mode, content.read()) == (0o755, b"\x7fELF one")


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1", "docker.io/library/nginx:1"),
        ("someone/app:1", "docker.io/someone/app:1"),
        ("localhost/app", "localhost/app:latest"),
        ("rundrill.dev/app:1", "rundrill.dev/app:1"),
        ("registry:5000/app", "registry:5000/app:latest"),
    ],
)
def test_a_short_reference_is_read_as_containerd_reads_it(short: str, full: str) -> None:
    assert qualified(short) == full


def test_an_oci_archive_is_known_by_the_digest_of_its_manifest(tmp_path: Path) -> None:
    index = {
        "manifests": [
            {"digest": "sha256:abc", "annotations": {"org.opencontainers.image.ref.name": "rundrill.dev/x:1"}}
        ]
    }
    body = json.dumps(index).encode()
    path = tmp_path / "oci.tar"
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("index.json")
        entry.size = len(body)
        archive.addfile(entry, io.BytesIO(body))
    opened = open_archive(path)
    assert (opened.content, opened.refs) == ("abc", ("rundrill.dev/x:1",))


def test_a_file_that_is_no_archive_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.tar"
    path.write_text("no archive")
    with pytest.raises(ClusterRefused, match=r"notes\.tar: not a docker or OCI image archive"):
        open_archive(path)
