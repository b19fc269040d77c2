"""Where the parts of the pipeline find each other, as their environment says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

REPORTS = "bug-reports"
TRIAGED = "triaged-reports"
ISSUES = "issue-events"
TRIAGE_GROUP = "triage-agent-group"
TICKET_GROUP = "ticket-agent-group"
PARTITIONS = {REPORTS: 6, TRIAGED: 6, ISSUES: 3}
"""Topic -> how many partitions it is made with."""

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Places:
    """Addresses of the broker, the outside services and the bucket, and the key that writers must show."""

    kafka: str
    openai: str
    github: str
    bucket: str
    prometheus: str
    api_key: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Places:
        """The places of this process."""
        return cls(
            kafka=env.get("KAFKA_BOOTSTRAP", "kafka:9092"),
            openai=env.get("OPENAI_URL", "http://openai:8000"),
            github=env.get("GITHUB_URL", "http://github:8000"),
            bucket=env.get("BUCKET_URL", "http://object-store:8000/ai-pipeline-backups"),
            prometheus=env.get("PROMETHEUS_URL", "http://prometheus.ai-pipeline-monitoring:9090"),
            api_key=env.get("API_KEY", ""),
        )
