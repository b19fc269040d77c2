"""Every act of a person is on record, and the record is fresh."""


def test_act_is_on_record(attestation, evidence, judge):
    verdict = judge(attestation, evidence)
    assert verdict.met, verdict.reason
