"""Datasets: registered, listed, and held against the files behind them."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import redis.asyncio
import redis.exceptions
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.readiness.reads import Databases
from services.readiness.uploads import digest, inside, records_of, write_whole
from services.store import Row
from services.web import json_body, limit_of

_COLUMNS = "id, name, kind, location, sha256, row_count, produced_by, quarantined, created_at::text"
_CACHED_SECONDS = 120
_DETAIL = f"""
    SELECT {_COLUMNS}, (SELECT round(avg(score)::numeric, 4)::float8 FROM quality_measurements WHERE dataset_id = datasets.id) AS score
    FROM datasets WHERE id = %s
"""


class Datasets:
    """The register of datasets, with a cache in front of single ones."""

    def __init__(self, databases: Databases, cache: redis.asyncio.Redis, uploads: Path) -> None:
        self._databases = databases
        self._cache = cache
        self._uploads = uploads

    async def newest(self, request: Request) -> Response:
        """The newest datasets, at most `?limit=`."""
        sql = f"SELECT {_COLUMNS} FROM datasets ORDER BY id DESC LIMIT %s"
        return JSONResponse(await self._databases.read(sql, limit_of(request)))

    async def one(self, request: Request) -> Response:
        """One dataset with its mean score, from the cache where it is there; 404 for an unknown one."""
        number = request.path_params["id"]
        key = f"cache:dataset:{number}"
        if (known := await self._remembered(key)) is not None:
            return Response(known, media_type="application/json")
        rows = await self._databases.read(_DETAIL, number)
        if not rows:
            return JSONResponse({"error": "no such dataset"}, 404)
        text = json.dumps(rows[0])
        await self._remember(key, text)
        return Response(text, media_type="application/json")

    async def add(self, request: Request) -> Response:
        """A new source with the content that the request brings."""
        body = await json_body(request, name=str, content=str)
        content = str(body["content"]).encode()
        rows = records_of(content)
        location = f"sources/{digest(content)[:32]}.csv"
        await asyncio.to_thread(write_whole, inside(self._uploads, location), content)
        sql = f"INSERT INTO datasets (name, location, sha256, row_count) VALUES (%s, %s, %s, %s) RETURNING {_COLUMNS}"
        made = await self._databases.write(sql, body["name"], location, digest(content), len(rows))
        return JSONResponse(made[0], 201)

    async def validate_one(self, request: Request) -> Response:
        """Whether the dataset's file is what was registered; 404 for an unknown one."""
        rows = await self._databases.write(
            f"SELECT {_COLUMNS} FROM datasets WHERE id = %s", request.path_params["id"]
        )
        if not rows:
            return JSONResponse({"error": "no such dataset"}, 404)
        return JSONResponse(await asyncio.to_thread(self._judged, rows[0]))

    async def validate_new(self, request: Request) -> Response:
        """The same for every dataset that was produced in the last `?hours=`."""
        age = timedelta(hours=int(request.query_params.get("hours", "24")))
        sql = f"SELECT {_COLUMNS} FROM datasets WHERE kind = 'output' AND created_at > now() - %s ORDER BY id"
        rows = await self._databases.write(sql, age)
        judged = await asyncio.to_thread(lambda: [self._judged(row) for row in rows])
        invalid = [each for each in judged if not each["valid"]]
        return JSONResponse({"datasets": len(judged), "invalid": len(invalid), "first_invalid": invalid[:5]})

    def _judged(self, row: Row) -> dict[str, object]:
        problems = [] if not row["quarantined"] else ["quarantined"]
        try:
            content = inside(self._uploads, str(row["location"])).read_bytes()
            if digest(content) != row["sha256"]:
                problems.append("the file's checksum is not the registered one")
            if len(records_of(content)) != row["row_count"]:
                problems.append("the file does not have as many rows as registered")
        except (OSError, ValueError) as error:
            problems.append(f"{type(error).__name__}: {row['location']}")
        return {"dataset": row["id"], "valid": not problems, "problems": problems}

    async def _remembered(self, key: str) -> str | None:
        try:
            known = await self._cache.get(key)
        except redis.exceptions.RedisError:
            return None  # A cache that is away makes answers slower, not wrong.
        return None if known is None else str(known)

    async def _remember(self, key: str, text: str) -> None:
        try:
            await self._cache.set(key, text, ex=_CACHED_SECONDS)
        except redis.exceptions.RedisError:
            return
