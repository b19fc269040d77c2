"""Every fault is recovered from in time, and every procedure does what it promises."""


def test_drill_succeeds(drill, evidence, judge):
    verdict = judge(drill, evidence)
    assert verdict.met, verdict.reason
