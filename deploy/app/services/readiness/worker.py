"""readiness-worker: takes queued jobs one after another, stage by stage, with a checkpoint after each."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial

import psycopg
from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from starlette.applications import Starlette

from services.readiness.filelogs import log_to_files
from services.readiness.processes import memory_by_command
from services.readiness.stages import STAGES, Output, StageFailed, Work, quarantine
from services.readiness.surroundings import Surroundings
from services.readiness.uploads import SEEDED
from services.settings import Settings
from services.web import build

log = logging.getLogger("services.readiness.worker")

FINISHED = Counter("jobs_finished", "Jobs that ended, by how.", ["status"])
STAGE_SECONDS = Histogram("job_stage_seconds", "Time of a stage.", ["stage"])
_IDLE_SECONDS = 1.0
_HEARTBEAT_SECONDS = 2.0
# A stage of real data takes its time; this one would be over before anybody could interrupt it.
_STAGE_SECONDS = 1.2
_MOST_ATTEMPTS = 6
_CLAIM = """
    UPDATE processing_jobs SET status = 'running', worker = %s, attempts = attempts + 1, error = NULL,
           started_at = coalesce(started_at, clock_timestamp()), heartbeat_at = clock_timestamp()
    WHERE id = (SELECT id FROM processing_jobs
                WHERE status = 'queued' OR (status = 'running' AND heartbeat_at < clock_timestamp() - interval '10 seconds')
                ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1)
    RETURNING id, dataset_id, attempts
"""
_BEAT = "INSERT INTO recorders VALUES ('workers', clock_timestamp()) ON CONFLICT (name) DO UPDATE SET succeeded_at = EXCLUDED.succeeded_at"
_PUBLISH = """
    INSERT INTO datasets (name, kind, location, sha256, row_count, produced_by) VALUES (%s, 'output', %s, %s, %s, %s)
    ON CONFLICT (produced_by) DO UPDATE SET sha256 = EXCLUDED.sha256, row_count = EXCLUDED.row_count
"""

Connection = psycopg.Connection[dict[str, object]]


class Stopped(Exception):
    """The worker was told to end between two stages."""


class Worker:
    """One worker: a thread that works, and one that says it is alive."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._stop = threading.Event()
        self._current: int | None = None
        self._threads = [
            threading.Thread(target=self._keep, args=(turn,), daemon=True)
            for turn in (self._work, self._beat)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the stage under way; its job goes back into the queue."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=4)

    def _keep(self, turn: Callable[[Connection], None]) -> None:
        while not self._stop.is_set():
            try:
                with psycopg.connect(
                    self._surroundings.database, autocommit=True, row_factory=dict_row
                ) as connection:
                    while not self._stop.is_set():
                        turn(connection)
            except psycopg.Error as error:
                log.warning("no database", extra={"cause": " ".join(str(error).split())})
                self._stop.wait(_IDLE_SECONDS)

    def _beat(self, connection: Connection) -> None:
        connection.execute(_BEAT)
        if self._current is not None:
            connection.execute(
                "UPDATE processing_jobs SET heartbeat_at = clock_timestamp() WHERE id = %s", (self._current,)
            )
        self._stop.wait(_HEARTBEAT_SECONDS)

    def _work(self, connection: Connection) -> None:
        ready = (self._surroundings.uploads / SEEDED).exists()
        job = connection.execute(_CLAIM.encode(), (self._surroundings.name,)).fetchone() if ready else None
        if job is None:
            self._stop.wait(_IDLE_SECONDS)
            return
        self._current = int(str(job["id"]))
        try:
            self._finish(connection, self._current, int(str(job["dataset_id"])), int(str(job["attempts"])))
        finally:
            self._current = None

    def _finish(self, connection: Connection, job: int, dataset: int, attempts: int) -> None:
        source = connection.execute(
            "SELECT location, sha256 FROM datasets WHERE id = %s", (dataset,)
        ).fetchone()
        assert source is not None
        work = Work(job, str(source["location"]), str(source["sha256"]), self._surroundings.uploads)
        try:
            if attempts > _MOST_ATTEMPTS:
                raise StageFailed(f"given up after {_MOST_ATTEMPTS} attempts")
            outputs = self._through_stages(connection, work)
            self._record(connection, work, dataset, outputs)
            self._end(connection, job, "completed", None)
        except StageFailed as failed:
            quarantine(work)
            self._end(connection, job, "failed", str(failed))
            log.error("job %d failed", job, extra={"cause": str(failed)})
        except Stopped:
            connection.execute(
                "UPDATE processing_jobs SET status = 'queued', worker = NULL WHERE id = %s", (job,)
            )

    def _through_stages(self, connection: Connection, work: Work) -> dict[str, Output]:
        rows = connection.execute(
            "SELECT stage, output FROM job_checkpoints WHERE job_id = %s", (work.job,)
        ).fetchall()
        done: dict[str, Output] = {str(row["stage"]): row["output"] for row in rows}  # type: ignore[misc]
        last: Output = {}
        for number, (stage, act) in enumerate(STAGES.items(), start=1):
            if stage not in done:
                if self._stop.is_set():
                    raise Stopped
                done[stage] = self._one_stage(connection, work, stage, partial(act, work, last))
                progress = number * 100 // len(STAGES)
                connection.execute(
                    "UPDATE processing_jobs SET progress = greatest(progress, %s) WHERE id = %s",
                    (progress, work.job),
                )
            last = done[stage]
        return done

    def _one_stage(self, connection: Connection, work: Work, stage: str, act: Callable[[], Output]) -> Output:
        connection.execute("UPDATE processing_jobs SET stage = %s WHERE id = %s", (stage, work.job))
        connection.execute(
            "INSERT INTO stage_executions (job_id, stage, worker) VALUES (%s, %s, %s)",
            (work.job, stage, self._surroundings.name),
        )
        started = time.perf_counter()
        output = act()
        self._stop.wait(_STAGE_SECONDS)
        STAGE_SECONDS.labels(stage).observe(time.perf_counter() - started)
        connection.execute(
            "INSERT INTO job_checkpoints (job_id, stage, output) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (work.job, stage, Jsonb(output)),
        )
        return output

    @staticmethod
    def _record(connection: Connection, work: Work, dataset: int, outputs: dict[str, Output]) -> None:
        made, seen = outputs["publish"], outputs["profile"]
        with connection.transaction():
            connection.execute(
                _PUBLISH.encode(),
                (f"job-{work.job}", made["location"], made["sha256"], made["rows"], work.job),
            )
            connection.execute(
                "INSERT INTO quality_measurements (dataset_id, completeness, validity, score) VALUES (%s, %s, %s, %s)",
                (dataset, seen["completeness"], seen["validity"], seen["score"]),
            )
        work.draft.unlink(missing_ok=True)

    @staticmethod
    def _end(connection: Connection, job: int, status: str, error: str | None) -> None:
        connection.execute(
            "UPDATE processing_jobs SET status = %s, error = %s, completed_at = clock_timestamp() WHERE id = %s",
            (status, error, job),
        )
        FINISHED.labels(status).inc()


class Processes:
    """process_memory_bytes{process}, looked up anew at each scrape."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One sample a command line."""
        family = GaugeMetricFamily(
            "process_memory_bytes", "Resident memory of a process.", labels=["process"]
        )
        for name, size in sorted(memory_by_command().items()):
            family.add_metric([name], size)
        yield family


def application(settings: Settings) -> Starlette:
    """The worker's own web application, its metrics; the work runs in threads beside it."""
    surroundings = Surroundings.from_environment()
    log_to_files(surroundings.logs, settings.role)
    REGISTRY.register(Processes())
    worker = Worker(surroundings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        worker.start()
        yield
        worker.stop()

    return build(settings, [], lifespan)
