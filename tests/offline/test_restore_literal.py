"""The runbook's own restore command leaves the damage where it is, and the mended one does not."""

from dataclasses import replace
from pathlib import Path

import pytest
from backup_ground import PROMISE, order_from
from local_postgres import needs_postgresql

from rundrill.restore.literal import defect, undergo
from rundrill.restore.scratch import Scratch

pytestmark = [pytest.mark.slow, needs_postgresql]


def test_the_runbooks_command_over_live_tables_restores_nothing(shelf: Path, scratch: Scratch) -> None:
    command = "kubectl exec -i postgresql-0 -n data-services -- psql -U postgres aic_aipaas < backup.sql"
    seen = defect(PROMISE, command, undergo(scratch, order_from(shelf), command))
    assert seen.shown, seen
    assert seen.facts["literal_exit_code"] == 0
    assert seen.facts["corrupted_rows_after_literal"] == seen.facts["corrupted_rows"] == 300
    assert seen.facts["keyless_rows_after_literal"] == 20


def test_a_command_that_does_restore_shows_no_defect(shelf: Path, scratch: Scratch) -> None:
    ordeal = undergo(scratch, order_from(shelf), "psql -U postgres aic_aipaas < backup.sql")
    assert not defect(PROMISE, "", replace(ordeal, after_literal=ordeal.after_mended)).shown
