"""Passwords and tokens of the authentication service, and the rows that every cluster starts with."""

import itertools

import app_sources  # noqa: F401 # makes `services` importable
import pytest
from services.aipaas import seed
from services.settings import Settings
from services.tokens import hash_password, password_matches, sign, verify


def test_a_password_matches_its_own_hash_and_no_other() -> None:
    stored = hash_password("right", 10)
    assert password_matches("right", stored)
    assert not password_matches("wrong", stored)
    assert hash_password("right", 10) != stored


def test_a_token_gives_its_claims_back() -> None:
    assert verify(sign({"sub": "7", "exp": 100}, "key"), "key", now=99) == {"sub": "7", "exp": 100}


@pytest.mark.parametrize(
    ("token", "now"),
    [
        pytest.param(sign({"exp": 100}, "key"), 100, id="expired at its very second"),
        pytest.param(sign({"exp": 100}, "other"), 0, id="signed by another key"),
        pytest.param(sign({"exp": 100}, "key")[:-1], 0, id="cut short"),
        pytest.param(sign({}, "key"), 0, id="without an end"),
        pytest.param("", 0, id="empty"),
    ],
)
def test_a_token_that_is_not_good_gives_nothing(token: str, now: float) -> None:
    assert verify(token, "key", now) is None


def test_the_first_rows_are_the_same_at_every_run() -> None:
    assert list(seed.script()) == list(seed.script())


def test_seeded_cells_are_written_so_that_copy_reads_them_back() -> None:
    lines = list(itertools.chain.from_iterable(chunk.splitlines() for chunk in seed.script()))
    start = next(n for n, line in enumerate(lines) if line.startswith("COPY audit_lines"))
    rows = list(itertools.takewhile(lambda line: line != "\\.", lines[start + 1 :]))
    assert len(rows) == 1200
    assert {row.count("\t") for row in rows} == {4}
    assert any("\\N" in row for row in rows)


def test_a_password_with_quotes_stays_one_value() -> None:
    settings = Settings.from_environment({"ROLE": "auth-service", "DATABASE_PASSWORD": "a' b\\"})
    assert "password='a\\' b\\\\'" in settings.database
