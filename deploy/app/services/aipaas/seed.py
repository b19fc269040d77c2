"""`python -m services.aipaas.seed`: the platform's first rows as SQL, the same at every run."""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections.abc import Callable, Iterator

from services.aipaas.invented import rows_of
from services.tokens import hash_password

USERS = 2000
HASH_ROUNDS = 2000
CANARY = ("canary", "canary-sings")
_WORDS = ("żółw", "naïve", "東京", "Ελλάδα", "plain", "tab\there", "back\\slash", "O'Brien", "🦉")

Cell = str | None
Line = tuple[Cell, ...]


def users() -> Iterator[Line]:
    """The canary and user-0001 to user-2000; a user's password is `pw-` and the name."""
    names = [(f"user-{n:04}", f"pw-user-{n:04}") for n in range(1, USERS + 1)]
    for number, (name, password) in enumerate([CANARY, *names]):
        salt = hashlib.sha256(name.encode()).digest()[:16]
        yield name, hash_password(password, HASH_ROUNDS, salt), _time(number)


def logins() -> Iterator[Line]:
    """Logins of the first users, one in ten refused."""
    for number in range(3000):
        yield str(1 + number % USERS), "f" if number % 10 == 7 else "t", _time(number)


def applications() -> Iterator[Line]:
    """Applications with names in several scripts."""
    for number in range(300):
        yield f"app-{number:03} {_WORDS[number % len(_WORDS)]}", f"user-{1 + number % 50:04}", _time(number)


def datasets() -> Iterator[Line]:
    """Datasets, some of unknown size."""
    for number in range(200):
        rows = None if number % 9 == 0 else str(number * 1000)
        yield f"dataset-{number:03}", f"s3://aic-data/{number:03}.parquet", rows, _time(number)


def schemas() -> Iterator[Line]:
    """Two versions each of twenty schemas."""
    for number in range(40):
        fields = {"id": "integer", "name": "text", "score": "number"} | (
            {"active": "boolean"} if number % 2 else {}
        )
        yield f"schema-{number // 2:02}", str(1 + number % 2), json.dumps(fields), _time(number)


def jobs() -> Iterator[Line]:
    """Finished training jobs."""
    for number in range(150):
        yield f"model-{number % 7}", "finished", repr(1 / (1 + number)), _time(number), _time(number + 1)


def predictions() -> Iterator[Line]:
    """Predictions with arrays of numbers."""
    chance = random.Random(7)
    for number in range(1000):
        features = ",".join(f"{chance.uniform(-3, 3):.6f}" for _ in range(4))
        yield "churn-linear-1", f"{{{features}}}", repr(chance.random()), _time(number)


def synthetic_rows() -> Iterator[Line]:
    """Synthetic rows of one seed."""
    for seed, age, income, city in rows_of(20260101, 500):
        yield str(seed), str(age), income, city


def audit_lines() -> Iterator[Line]:
    """Lines without a key: duplicates, NULLs, bytes, and numbers with many digits."""
    chance = random.Random(11)
    for number in range(1200):
        actor = None if number % 5 == 0 else f"user-{number % 40:04}"
        payload = None if number % 3 == 0 else "\\x" + chance.randbytes(number % 24).hex()
        amount = None if number % 4 == 0 else f"{chance.randint(-(10**20), 10**20)}.{number % 1000:03}"
        yield _time(number // 2), actor, f"{_WORDS[number % len(_WORDS)]} {number // 2}", payload, amount


TABLES: dict[str, Callable[[], Iterator[Line]]] = {
    "users (username, password_hash, created_at)": users,
    "logins (user_id, succeeded, at)": logins,
    "applications (name, owner, created_at)": applications,
    "datasets (name, location, row_count, created_at)": datasets,
    "schemas (name, version, fields, created_at)": schemas,
    "jobs (model, status, loss, created_at, finished_at)": jobs,
    "predictions (model, features, score, created_at)": predictions,
    "synthetic_rows (seed, age, income, city)": synthetic_rows,
    "audit_lines (at, actor, line, payload, amount)": audit_lines,
}


def script() -> Iterator[str]:
    """One transaction for psql that fills the empty tables."""
    yield "\\set ON_ERROR_STOP on\nBEGIN;\nSET ROLE aic_owner;\n"
    for target, lines in TABLES.items():
        yield f"COPY {target} FROM stdin;\n"
        yield from ("\t".join(_cell(cell) for cell in line) + "\n" for line in lines())
        yield "\\.\n"
    yield "COMMIT;\n"


def _cell(cell: Cell) -> str:
    if cell is None:
        return "\\N"
    return cell.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _time(number: int) -> str:
    minutes, day = number % 1440, 1 + number // 1440
    return f"2026-01-{day:02}T{minutes // 60:02}:{minutes % 60:02}:00Z"


if __name__ == "__main__":
    sys.stdout.writelines(script())
