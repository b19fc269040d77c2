"""PostgreSQL by psycopg: one connection, opened on first use, read-only where nothing else is asked for."""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from rundrill.errors import NoEvidence

type Connection = psycopg.Connection[dict[str, Any]]
type Params = Sequence[object] | Mapping[str, object] | None

DatabaseError = psycopg.Error


@dataclass(frozen=True)
class Login:
    """Where a database is and who asks; the password stays out of every printed form."""

    host: str
    port: int
    user: str
    database: str
    password: str = field(repr=False)


class Postgres:
    """One database by one role."""

    def __init__(
        self, login: Login, read_only: bool = True, statement_timeout: timedelta = timedelta(seconds=10)
    ) -> None:
        self.login = login
        self._read_only = read_only
        self._timeout = statement_timeout
        self._lock = threading.Lock()
        self._kept: Connection | None = None

    def rows(self, sql: str, params: Params = None) -> list[dict[str, Any]]:
        """The rows of a query, column -> value; NoEvidence where the server does not answer it."""
        return self.timed(sql, params)[0]

    def timed(self, sql: str, params: Params = None) -> tuple[list[dict[str, Any]], float]:
        """The rows, and the seconds that the server took for them; others' turns on the one connection are not counted."""
        try:
            with self._lock:
                started = time.perf_counter()
                rows = self._asked(sql, params)
                return rows, time.perf_counter() - started
        except psycopg.Error as error:
            raise NoEvidence(f"PostgreSQL ({self.login.user}): {_words(error)}: {sql!r}") from None

    def _asked(self, sql: str, params: Params) -> list[dict[str, Any]]:
        kept, self._kept = self._kept, None
        if kept is not None and not kept.closed:
            try:
                return self._answer(kept, sql, params)
            except psycopg.OperationalError:
                # Whoever stood at its other end may have been replaced since: one that is new shall tell.
                if not kept.broken:
                    raise
        return self._answer(self._open(), sql, params)

    def _answer(self, connection: Connection, sql: str, params: Params) -> list[dict[str, Any]]:
        self._kept = connection
        # The policy's own SQL: written by its author, run in a read-only session.
        return connection.execute(sql, params).fetchall()

    @contextlib.contextmanager
    def connect(self, autocommit: bool = True, bare: bool = False) -> Iterator[Connection]:
        """A connection of one's own, closed in the end; raises psycopg's errors.

        A bare one has set nothing, neither read-only nor a time-out: for reading the server's own settings.
        """
        connection = self._open(autocommit, bare)
        try:
            yield connection
        finally:
            connection.close()

    def close(self) -> None:
        """Closes the connection that `rows` keeps."""
        if self._kept is not None:
            self._kept.close()

    def _open(self, autocommit: bool = True, bare: bool = False) -> Connection:
        connection: Connection = psycopg.connect(
            host=self.login.host,
            port=self.login.port,
            user=self.login.user,
            password=self.login.password,
            dbname=self.login.database,
            connect_timeout=5,
            autocommit=True,
            application_name="rundrill",
            row_factory=dict_row,
        )
        if not bare:
            read_only = "on" if self._read_only else "off"
            timeout = f"{self._timeout.total_seconds() * 1000:.0f}"
            settings = {"default_transaction_read_only": read_only, "statement_timeout": timeout}
            for name, value in settings.items():
                connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.autocommit = autocommit
        return connection


def _words(error: psycopg.Error) -> str:
    return " ".join(str(error).split())[:300]
