"""Services, nodes, volumes and what is measured of them are as promised."""


def test_workload_is_as_promised(workload, evidence, judge):
    verdict = judge(workload, evidence)
    assert verdict.met, verdict.reason
