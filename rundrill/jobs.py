"""What a Job of Kubernetes says of itself."""

from typing import Any


def end_of(job: Any) -> str | None:
    """Complete or Failed, from a Job as the API server gives it; None while it runs."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    over = (one for one in conditions if one["status"] == "True" and one["type"] in ("Complete", "Failed"))
    return next((str(one["type"]) for one in over), None)
