"""PostgreSQL and Redis answer, and are as promised."""


def test_database_is_as_promised(database, evidence, judge):
    verdict = judge(database, evidence)
    assert verdict.met, verdict.reason
