"""Every setting is in force."""


def test_setting_is_in_force(setting, evidence, judge):
    verdict = judge(setting, evidence)
    assert verdict.met, verdict.reason
