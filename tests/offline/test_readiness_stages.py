"""The stages of a job of ai-data-readiness keep what is sound, and say why they cannot go on."""

from pathlib import Path

import app_sources  # noqa: F401 # makes `services` importable
import pytest
from services.readiness.stages import STAGES, StageFailed, Work, clean, extract, publish, quarantine, validate
from services.readiness.uploads import digest, first_source, inside, records_of, write_whole


def work_on(uploads: Path, content: bytes) -> Work:
    write_whole(uploads / "sources" / "it.csv", content)
    return Work(job=7, location="sources/it.csv", sha256=digest(content), uploads=uploads)


def test_a_sound_source_goes_through_all_stages_unchanged(tmp_path: Path) -> None:
    work = work_on(tmp_path, first_source(3))
    output: dict[str, object] = {}
    for stage in ("clean", "validate", "publish"):
        output = STAGES[stage](work, output)
    assert (tmp_path / str(output["location"])).read_bytes() == first_source(3)


def test_unsound_rows_are_left_out_and_lower_the_score(tmp_path: Path) -> None:
    work = work_on(tmp_path, first_source(3) + b"41,-5,label-1\n42,,\n")
    assert clean(work, {})["rows"] == 40
    assert STAGES["profile"](work, {})["validity"] == pytest.approx(40 / 42)


def test_a_source_that_is_not_what_was_registered_fails_the_stage(tmp_path: Path) -> None:
    work = work_on(tmp_path, first_source(3))
    (tmp_path / work.location).write_bytes(first_source(4))
    with pytest.raises(StageFailed, match="checksum"):
        extract(work, {})


def test_a_draft_that_was_changed_is_not_published(tmp_path: Path) -> None:
    work = work_on(tmp_path, first_source(3))
    checked = validate(work, clean(work, {}))
    work.draft.write_bytes(first_source(4))
    with pytest.raises(StageFailed, match="not what cleaning made"):
        publish(work, checked)


def test_what_a_failed_job_wrote_is_set_aside(tmp_path: Path) -> None:
    work = work_on(tmp_path, first_source(3))
    clean(work, {})
    quarantine(work)
    assert not work.draft.exists()
    assert (tmp_path / "quarantine" / work.draft.name).exists()


def test_no_location_leads_out_of_the_uploads(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leads out"):
        inside(tmp_path, "../elsewhere.csv")


def test_a_file_with_other_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="columns are"):
        records_of(b"a,b\n1,2\n")
