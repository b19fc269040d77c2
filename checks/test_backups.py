"""Every backup is there, young and whole."""


def test_backup_is_sound(backup, evidence, judge):
    verdict = judge(backup, evidence)
    assert verdict.met, verdict.reason
