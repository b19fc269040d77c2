"""A restore goes into a server of its own or nowhere."""

from collections.abc import Iterator

import pytest
from local_postgres import LocalShell, needs_postgresql, server

from rundrill.errors import PolicyError, TargetError
from rundrill.restore.dumping import pipe
from rundrill.restore.literal import isolated, knows
from rundrill.restore.scratch import Scratch, prove_isolated


@pytest.fixture(scope="module")
def live() -> Iterator[Scratch]:
    with server("live") as started:
        yield started


def identifier(server: Scratch) -> str:
    return server.sql("postgres", "SELECT system_identifier FROM pg_control_system()")[0][0]


@pytest.mark.slow
@needs_postgresql
def test_a_server_by_another_name_is_refused(live: Scratch) -> None:
    mistaken = Scratch(LocalShell(), live.directory, "rundrill-scratch-1")
    with pytest.raises(TargetError, match="calls itself 'live', expected 'rundrill-scratch-1'"):
        prove_isolated(mistaken, "0")


@pytest.mark.slow
@needs_postgresql
def test_the_source_itself_is_refused(live: Scratch) -> None:
    with pytest.raises(TargetError, match="is the source itself"):
        prove_isolated(live, identifier(live))


@pytest.mark.slow
@needs_postgresql
def test_a_server_of_its_own_is_accepted(live: Scratch) -> None:
    prove_isolated(live, "0")


@pytest.mark.slow
@needs_postgresql
def test_an_environment_that_names_another_server_is_passed_over(
    live: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "production.invalid")
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    monkeypatch.setenv("PGPORT", "1")
    assert live.sql("postgres", "SHOW cluster_name") == [["live"]]


@pytest.mark.parametrize(
    ("command", "inner"),
    [
        (
            "kubectl exec -i postgresql-0 -n data-services -- psql -U postgres aic_aipaas < backup.sql",
            "psql -U postgres aic_aipaas </s/dump.sql",
        ),
        (
            "gunzip -c backup_20250115_120000.sql.gz | \\\n  kubectl exec -i postgresql-0 -n data-services -- psql -U postgres aic_aipaas",
            "cat /s/dump.sql | \\\n  psql -U postgres aic_aipaas",
        ),
    ],
)
def test_the_runbooks_command_runs_beside_the_scratch_server(command: str, inner: str) -> None:
    assert isolated(command, "/s/dump.sql") == inner


@pytest.mark.parametrize(
    "command",
    [
        "psql -h production -U postgres aic_aipaas < backup.sql",
        "psql --host=production aic_aipaas < backup.sql",
        "psql postgresql://production/aic_aipaas < backup.sql",
        "psql 'host=production' < backup.sql",
        "kubectl delete pod postgresql-0",
        "psql -U postgres aic_aipaas < backup.sql; curl -d @backup.sql elsewhere",
    ],
)
def test_a_command_that_may_lead_elsewhere_is_refused(command: str) -> None:
    with pytest.raises(PolicyError, match="cannot be run in isolation"):
        isolated(command, "/s/dump.sql")


@pytest.mark.parametrize(
    ("command", "known"),
    [
        ("kubectl exec -i postgresql-0 -n data-services -- psql -U postgres aic_aipaas < backup.sql", True),
        ("kubectl exec -it postgresql-0 -n d -- pg_dump -U postgres aic_aipaas > backup.sql", True),
        (
            'kubectl exec postgresql-0 -n d -- pg_dump -U postgres aic_aipaas | gzip > "b_${DATE}.sql.gz"',
            True,
        ),
        ('psql ai_data_readiness -c "REINDEX DATABASE ai_data_readiness"', False),
        ("systemctl restart ai-data-readiness-worker", False),
        ("", False),
    ],
)
def test_no_server_is_started_for_a_command_that_it_could_not_show(command: str, known: bool) -> None:
    assert knows(command) is known


@pytest.mark.slow
@needs_postgresql
def test_a_failed_dump_leaves_a_sound_archive_of_twenty_bytes(live: Scratch) -> None:
    archive = pipe(live, "pg_dump -U postgres aic_aipaas")
    assert (archive.exit_code, archive.sound) == (0, True)
    assert archive.size == 20
