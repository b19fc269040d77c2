"""A volume that stands in for another is filled by whole pages, and df is asked for no more than was written."""

import pytest

from rundrill.faults.volume import _filled


@pytest.mark.parametrize("share", [1, 33, 90, 97])
def test_what_df_must_show_is_what_whole_pages_hold(share: int) -> None:
    room = 16 * 2**20
    full = _filled(room, share)
    assert full % 4096 == 0
    assert room * share / 100 - 4096 < full <= room * share / 100


def test_no_more_than_its_size_is_ever_written() -> None:
    assert _filled(2**20, 200) == 2**20
