"""redis-maintenance: a dated dump first, then an expiry for each request that has none, then memory given back."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import redis

from services.pipeline.archive import dump_redis
from services.pipeline.places import DAY_SECONDS
from services.settings import Settings

log = logging.getLogger("services.pipeline.upkeep")

_KEEP = 7


def run(settings: Settings) -> None:
    """One round of maintenance; an exception, and nothing changed, where the dump fails."""
    shelf = Path(os.environ.get("BACKUP_DIR", "/backup"))
    final = shelf / f"redis-{datetime.now(UTC):%Y%m%d}.rdb"
    waiting = final.with_suffix(".partial")
    dump_redis(settings, waiting)
    waiting.rename(final)
    for old in sorted(shelf.glob("redis-*.rdb"))[:-_KEEP]:
        old.unlink()
    with redis.Redis(host=settings.redis_host, password=settings.redis_password or None) as cache:
        mended = give_expiry(cache)
        cache.memory_purge()
    log.info("maintenance done: %s, %d keys got an expiry", final.name, mended)


def give_expiry(cache: redis.Redis) -> int:
    """How many request keys had no expiry and have a day now; the others keep theirs, whoever set it meanwhile."""
    mended = 0
    for key in cache.scan_iter("request:*", count=500):
        if cache.ttl(key) == -1:
            mended += int(bool(cache.expire(key, DAY_SECONDS, nx=True)))
    return mended
