"""Every objective is met over its window."""


def test_objective_is_met(objective, evidence, judge):
    verdict = judge(objective, evidence)
    assert verdict.met, verdict.reason
