"""Every alert is wired as promised, and reaches its receivers in time when its fault is there."""


def test_alert_reaches_its_receivers(alert, evidence, judge):
    verdict = judge(alert, evidence)
    assert verdict.met, verdict.reason
