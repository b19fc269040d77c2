"""The words a state promise is measured with: one key names the source, the rest are its parameters.

Every probe answers with readings: a subject each, and facts by name. Which facts a probe gives stands in its
docstring; a promise's `expect` names facts. A fact that is missing is UNKNOWN, never a pass.
"""

from typing import Annotated

from pydantic import Field, model_validator

from rundrill.probe.cluster import (
    AccessProbe,
    AccountsProbe,
    ClaimsProbe,
    ConfigProbe,
    EventsProbe,
    ObjectProbe,
    RbacProbe,
    SecretProbe,
    WorkloadProbe,
)
from rundrill.probe.expectation import Expectation
from rundrill.probe.frozen import Frozen, Inside
from rundrill.probe.services import (
    Basic,
    CertificateProbe,
    DnsProbe,
    HttpProbe,
    NetworkProbe,
    TlsProbe,
)
from rundrill.probe.stores import (
    BackupProbe,
    ExportProbe,
    KafkaProbe,
    RedisProbe,
    SettingProbe,
    SqlProbe,
)
from rundrill.probe.watching import CommitProbe, InPodProbe, LogsProbe, PromqlProbe, RuleProbe, VerdictProbe

__all__ = [
    "AccessProbe",
    "AccountsProbe",
    "BackupProbe",
    "Basic",
    "CertificateProbe",
    "ClaimsProbe",
    "CommitProbe",
    "ConfigProbe",
    "DnsProbe",
    "EventsProbe",
    "Expectation",
    "ExportProbe",
    "HttpProbe",
    "InPodProbe",
    "Inside",
    "KafkaProbe",
    "LogsProbe",
    "NetworkProbe",
    "ObjectProbe",
    "Probe",
    "PromqlProbe",
    "RbacProbe",
    "RedisProbe",
    "RuleProbe",
    "SecretProbe",
    "SettingProbe",
    "SqlProbe",
    "TlsProbe",
    "VerdictProbe",
    "WorkloadProbe",
]


class Probe(Frozen):
    """Exactly one of these keys."""

    http: HttpProbe | None = None
    workload: WorkloadProbe | None = None
    object: ObjectProbe | None = None
    postgres_setting: Annotated[SettingProbe | None, Field(alias="postgres-setting")] = None
    sql: SqlProbe | None = None
    redis: RedisProbe | None = None
    kafka: KafkaProbe | None = None
    promql: PromqlProbe | None = None
    rule: RuleProbe | None = None
    logs: LogsProbe | None = None
    in_pod: Annotated[InPodProbe | None, Field(alias="in-pod")] = None
    config: ConfigProbe | None = None
    secret: SecretProbe | None = None
    dns: DnsProbe | None = None
    tls: TlsProbe | None = None
    certificate: CertificateProbe | None = None
    network: NetworkProbe | None = None
    access: AccessProbe | None = None
    rbac: RbacProbe | None = None
    accounts: AccountsProbe | None = None
    events: EventsProbe | None = None
    claims: ClaimsProbe | None = None
    backup: BackupProbe | None = None
    export: ExportProbe | None = None
    verdict: VerdictProbe | None = None
    commit: CommitProbe | None = None

    @model_validator(mode="after")
    def _one(self) -> "Probe":
        said = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(f"found {' and '.join(said) or 'no probe'}, expected exactly one")
        return self

    @property
    def word(self) -> str:
        """The name of the field that is set, such as `postgres_setting`."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)
