"""Secrets and policies are where they must be."""


def test_security_is_as_promised(security, evidence, judge):
    verdict = judge(security, evidence)
    assert verdict.met, verdict.reason
