"""The services of the platform ai-pipeline: bug reports go in, GitHub issues come out, Kafka and Redis in between."""

ROLES = {
    "ai-pipeline": "services.pipeline.api",
    "triage-agent": "services.pipeline.triage",
    "ticket-agent": "services.pipeline.ticket",
    "kafka-topics": "services.pipeline.topics",
    "kafka-exporter": "services.pipeline.lag",
    "openai": "services.pipeline.openai",
    "github": "services.pipeline.github",
    "object-store": "services.pipeline.bucket",
    "automated-backup": "services.pipeline.archive",
    "redis-maintenance": "services.pipeline.upkeep",
    "daily-report": "services.pipeline.evening",
    "pipeline-canary": "services.pipeline.visitor",
    "operations": "services.pipeline.operations",
    "emergency-recovery": "services.pipeline.recovery",
}
"""Role -> module, with `application(settings)` where it answers requests and `run(settings)` where it ends by itself."""
