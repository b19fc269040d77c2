"""What goes into the platforms' images, and what of it travels to a node."""

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rundrill.cluster.images import open_archive
from rundrill.platform.image import APP, app_files, database_image, services_image
from rundrill.platform.layers import Blob, Image, layer_of

BASE = Image("rundrill.dev/base", (Blob.of(b"a root file system"),), {"Env": ["A=1"]})


@contextmanager
def written(path: Path, content: str) -> Iterator[None]:
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    try:
        yield
    finally:
        path.unlink()
        for folder in made:
            folder.rmdir()


def names_in(layer: Blob) -> list[str]:
    with tarfile.open(fileobj=layer.open()) as tar:
        return tar.getnames()


def test_a_tools_cache_beside_the_code_changes_no_image() -> None:
    before = services_image(BASE, "aic-aipaas").ref
    with written(APP / "services" / ".rundrill-test-cache" / "entry.json", "{}"):
        assert services_image(BASE, "aic-aipaas").ref == before


def test_a_platforms_own_package_changes_its_own_image_only() -> None:
    before = {slug: services_image(BASE, slug).ref for slug in ("aia", "aiaas", "")}
    with written(APP / "services" / "aia" / "rundrill_test.py", "print('new')"):
        after = {slug: services_image(BASE, slug).ref for slug in before}
    assert [slug for slug in before if after[slug] != before[slug]] == ["aia"]


def test_a_shared_service_changes_every_platforms_image_but_not_the_databases() -> None:
    before = services_image(BASE, "aia").ref, services_image(BASE, "aiaas").ref, database_image(BASE).ref
    with written(APP / "services" / "rundrill_test.py", "print('new')"):
        after = services_image(BASE, "aia").ref, services_image(BASE, "aiaas").ref, database_image(BASE).ref
    assert [a == b for a, b in zip(after, before, strict=True)] == [False, False, True]


def test_the_services_are_in_the_image_where_python_looks_for_them() -> None:
    assert APP / "services" / "serve.py" in app_files("aia")
    assert "srv/services/serve.py" in names_in(services_image(BASE).layers[-1])


def test_the_database_image_holds_the_schema_and_all_that_its_first_rows_need() -> None:
    names = set(names_in(database_image(BASE).layers[-1]))
    assert {"srv/database/schema.sql", "srv/database/start-postgresql.sh", "srv/services/aipaas/seed.py"} <= names
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
