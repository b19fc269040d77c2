"""What goes into the platforms' images, and what of it travels to a node."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from rundrill.cluster.images import open_archive
from rundrill.platform import app_imports
from rundrill.platform import image as images
from rundrill.platform.image import app_files, database_image, next_release, services_image
from rundrill.platform.layers import Blob, Image, layer_of

BASE = Image("rundrill.dev/base", (Blob.of(b"a root file system"),), {"Env": ["A=1"]})


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the services' sources, to be edited."""
    copy = tmp_path / "app"
    shutil.copytree(app_imports.APP, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(app_imports, "APP", copy)
    monkeypatch.setattr(images, "APP", copy)
    return copy


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def names_in(layer: Blob) -> list[str]:
    with tarfile.open(fileobj=layer.open()) as tar:
        return tar.getnames()


def test_a_tools_cache_beside_the_code_changes_no_image(app: Path) -> None:
    before = services_image(BASE, "aia").ref
    write(app / "services" / "aia" / ".cache" / "entry.json", "{}")
    assert services_image(BASE, "aia").ref == before


def test_a_next_release_has_another_tag_and_the_same_layers(app: Path) -> None:
    now = services_image(BASE, "aia")
    assert next_release(now).ref != now.ref
    assert next_release(now).layers == now.layers


def changed(app: Path, path: str) -> list[str]:
    """Whose image an edit of that file changes."""
    slugs = ("", "aia", "aiaas")
    before = [*(services_image(BASE, slug).ref for slug in slugs), database_image(BASE).ref]
    write(app / "services" / path, (app / "services" / path).read_text() + "# edited\n")
    after = [*(services_image(BASE, slug).ref for slug in slugs), database_image(BASE).ref]
    names = ("shared", "aia", "aiaas", "database")
    return [name for name, old, new in zip(names, before, after, strict=True) if old != new]


@pytest.mark.parametrize(
    ("path", "whose"),
    [
        pytest.param("aia/__init__.py", ["aia"], id="a platform's own"),
        pytest.param("web.py", ["shared", "aia", "aiaas"], id="what all of them import"),
        pytest.param("kube_state.py", ["shared"], id="the shared monitoring's"),
        pytest.param("aipaas/seed.py", ["database"], id="the rows of the first platform"),
    ],
)
def test_an_edit_restarts_only_those_who_use_the_file(app: Path, path: str, whose: list[str]) -> None:
    assert changed(app, path) == whose


def test_the_services_are_in_the_image_where_python_looks_for_them() -> None:
    assert app_imports.APP / "services" / "serve.py" in app_files("aia")
    assert "srv/services/serve.py" in names_in(services_image(BASE).layers[-1])


def test_the_database_image_holds_the_schema_and_all_that_its_first_rows_need() -> None:
    names = set(names_in(database_image(BASE).layers[-1]))
    assert {
        "srv/database/schema.sql",
        "srv/database/start-postgresql.sh",
        "srv/services/aipaas/seed.py",
    } <= names
    assert "srv/services/serve.py" not in names


def test_a_layer_is_the_same_whenever_it_is_made(tmp_path: Path) -> None:
    file = tmp_path / "run.sh"
    file.write_text("exit 0")
    file.chmod(0o755)
    before = layer_of([("srv/run.sh", file)])
    file.touch()
    assert layer_of([("srv/run.sh", file)]) == before
    file.chmod(0o644)
    assert layer_of([("srv/run.sh", file)]) != before


@pytest.mark.parametrize(
    ("left_out", "there"), [pytest.param(False, True, id="whole"), pytest.param(True, False, id="thin")]
)
def test_an_archive_holds_the_base_only_where_it_is_asked_to(
    tmp_path: Path, left_out: bool, there: bool
) -> None:
    image = services_image(BASE, "aia")
    with image.archived(tmp_path, BASE.layers if left_out else ()) as path, tarfile.open(path) as tar:
        names = tar.getnames()
        index = json.load(tar.extractfile("index.json") or io.BytesIO())
    blobs = [f"blobs/sha256/{layer.sha256}" for layer in image.layers]
    assert [blob in names for blob in blobs] == [there, True]
    assert index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] == image.ref
    assert not path.exists()


def test_every_blob_of_an_archive_is_what_its_name_says(tmp_path: Path) -> None:
    import hashlib

    with services_image(BASE, "aia").archived(tmp_path) as path, tarfile.open(path) as tar:
        blobs = {n.rpartition("/")[2]: tar.extractfile(n) for n in tar.getnames() if n.startswith("blobs/")}
        assert {name: hashlib.sha256(f.read()).hexdigest() for name, f in blobs.items() if f} == {
            name: name for name in blobs
        }


def test_a_cluster_knows_an_archive_by_its_reference(tmp_path: Path) -> None:
    image = services_image(BASE, "aia")
    with image.archived(tmp_path) as path:
        assert open_archive(path).refs == (image.ref,)
