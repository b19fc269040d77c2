"""What goes into the image of the services."""

from rundrill.platform.image import APP, app_files


def test_a_tools_cache_beside_the_code_changes_no_image():
    before = app_files()
    cache = APP / ".rundrill-test-cache"
    cache.mkdir()
    try:
        (cache / "entry.json").write_text("{}")
        assert app_files() == before
    finally:
        (cache / "entry.json").unlink()
        cache.rmdir()


def test_the_services_are_in_the_image():
    assert {"services/auth.py", "database/schema.sql"} <= {str(file.relative_to(APP)) for file in app_files()}
