"""object-store: stands in for the bucket of backups; what it keeps on its volume is encrypted."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import subprocess
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.pipeline.counts import count_lines
from services.settings import Settings
from services.web import build, route

ROOT = Path(os.environ.get("BUCKET_DIR", "/bucket"))
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
_KEEP = 20
CIPHER = ("openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-pass", "env:BUCKET_KEY")


def put(bucket: str, name: str, content: bytes) -> dict[str, object]:
    """The object as it lies there now, encrypted under the store's key; the oldest ones go."""
    folder = ROOT / bucket
    folder.mkdir(exist_ok=True)
    waiting = folder / f".{name}.partial"
    waiting.write_bytes(_through((*CIPHER, "-salt"), content))
    waiting.rename(folder / name)
    for old in sorted(path for path in folder.iterdir() if path.name[0] != ".")[:-_KEEP]:
        old.unlink()
    return {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def get(bucket: str, name: str) -> bytes:
    """The object's content; FileNotFoundError where there is no such object."""
    return _through((*CIPHER, "-d"), (ROOT / bucket / name).read_bytes())


def _through(command: tuple[str, ...], content: bytes) -> bytes:
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


def _named(request: Request) -> tuple[str, str]:
    bucket, name = request.path_params["bucket"], request.path_params["name"]
    if not _NAME.fullmatch(bucket) or not _NAME.fullmatch(name):
        raise ValueError("not a name")
    return bucket, name


def application(settings: Settings) -> Starlette:
    """The store's web application: objects by bucket and name."""
    count_lines()

    async def stored(request: Request) -> Response:
        made = await asyncio.to_thread(put, *_named(request), await request.body())
        return JSONResponse(made, 201)

    async def fetched(request: Request) -> Response:
        try:
            return Response(await asyncio.to_thread(get, *_named(request)))
        except FileNotFoundError:
            return JSONResponse({"error": "no such object"}, 404)

    routes = [
        route("/{bucket}/{name}", stored, method="PUT"),
        route("/{bucket}/{name}", fetched),
    ]
    return build(settings, routes)
