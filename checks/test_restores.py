"""Every backup restores in time, and holds the same data."""


def test_backup_restores(restore, evidence, judge):
    verdict = judge(restore, evidence)
    assert verdict.met, verdict.reason
