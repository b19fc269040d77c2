"""The platform carries the promised load, and its objectives hold meanwhile."""


def test_load_is_carried(capacity, evidence, judge):
    verdict = judge(capacity, evidence)
    assert verdict.met, verdict.reason
