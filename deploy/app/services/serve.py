"""Running a web application in one process, or in several that share one listening socket."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable

import uvicorn
from prometheus_client import multiprocess
from starlette.applications import Starlette

from services.settings import Settings

log = logging.getLogger("services.serve")

_GRACE_SECONDS = 8
# Longer than the proxy keeps an idle connection, so that never the server is the one to close it.
_KEEP_ALIVE_SECONDS = 65


def serve(settings: Settings, application: Callable[[Settings], Starlette]) -> None:
    """Answer requests until SIGTERM, then finish those under way."""
    # The file outlives a container that was restarted in its pod.
    settings.draining_file.unlink(missing_ok=True)
    listener = socket.create_server(("", settings.port), backlog=1024, reuse_port=False)
    if settings.workers <= 1:
        _work(settings, application, listener)
        return
    if settings.metrics_dir is None:
        sys.exit("several workers need PROMETHEUS_MULTIPROC_DIR")
    for stale in settings.metrics_dir.glob("*.db"):
        stale.unlink()
    Workers(settings, application, listener).run()


def _work(settings: Settings, application: Callable[[Settings], Starlette], listener: socket.socket) -> None:
    config = uvicorn.Config(
        application(settings),
        log_config=None,
        access_log=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


class Workers:
    """Worker processes forked after all imports (they share memory), replaced when one dies."""

    def __init__(
        self, settings: Settings, application: Callable[[Settings], Starlette], listener: socket.socket
    ) -> None:
        self._settings = settings
        self._application = application
        self._listener = listener
        self._pids: set[int] = set()
        self._stopping = False

    def run(self) -> None:
        """Keep the workers alive until SIGTERM or SIGINT; return when all have ended."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._stop)
        for _ in range(self._settings.workers):
            self._fork()
        while self._pids:
            pid, status = os.wait()
            self._pids.discard(pid)
            multiprocess.mark_process_dead(pid, path=str(self._settings.metrics_dir))
            if not self._stopping:
                log.error("worker %d ended with %d; another starts", pid, os.waitstatus_to_exitcode(status))
                # A worker that cannot start must not become a storm of forks.
                time.sleep(0.2)
                self._fork()

    def _fork(self) -> None:
        pid = os.fork()
        if pid:
            self._pids.add(pid)
            return
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, signal.SIG_DFL)
        try:
            _work(self._settings, self._application, self._listener)
        finally:
            # Never back into the parent's code.
            os._exit(0)

    def _stop(self, *_: object) -> None:
        self._stopping = True
        for pid in self._pids:
            os.kill(pid, signal.SIGTERM)
