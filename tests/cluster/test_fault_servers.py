"""Faults in a platform's own servers: the database without connections, the full cache, the replica that falls behind."""

from collections.abc import Iterator
from functools import partial

import pytest
from workbench import as_chaos_child, opened

from rundrill import child, hops, ledger
from rundrill.faults import cache, connections, flood, replica
from rundrill.session import Session

pytestmark = [pytest.mark.cluster, pytest.mark.soak, pytest.mark.on("ai-data-readiness")]
SLUG = "ai-data-readiness"
HERE = {"runbook": SLUG, "whole_service": True}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A run at work on that platform; this process is its own chaos child."""
    place = tmp_path_factory.mktemp("servers")
    with opened(place) as session, as_chaos_child(session, place, "servers", [SLUG]):
        yield session


@pytest.fixture(autouse=True)
def all_is_undone(session: Session) -> Iterator[None]:
    yield
    mine = ledger.of_experiment(session.run, "servers")
    ledger.undo_all(session, mine)
    assert not any(map(mine, ledger.open_entries(session)))


def test_connections_are_held_by_the_servers_own_count(session: Session) -> None:
    said = connections.hold(5, HERE)
    assert said.startswith("5 connections held")
    assert hops.reached(child.directory(), "fault_proven")


def test_a_full_cache_refuses_what_is_written(session: Session) -> None:
    said = cache.limit_memory("1mb", HERE)
    assert "maxmemory is 1048576" in said
    assert "a write is refused" in said


def test_a_replica_that_does_not_replay_falls_behind(session: Session) -> None:
    replica.stop_replay(SLUG, "app=ai-data-readiness-replica", HERE)
    found = hops.noted(child.directory())
    assert any("does not replay" in says for hop, says in found if hop.name == "fault_proven")


def test_what_nobody_may_ask_is_refused_and_counted(session: Session) -> None:
    service = f"{SLUG}/ai-data-readiness-gateway:8000"
    switch = partial(flood.send, service, "/api/v1/maintenance", method="PUT", body={"on": False})
    counted = switch(rate="10/s", number=10, leaves="nothing", configuration=HERE, expect=[401, 403])
    assert sum(counted.values()) == 10
