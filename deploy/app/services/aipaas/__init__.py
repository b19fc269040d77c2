"""The services of the platform aic-aipaas."""

from __future__ import annotations

ROLES = {
    "auth-service": "auth",
    "training-service": "training",
    "inference-service": "inference",
    "synthetic-data-service": "synthetic",
    "catalog-service": "catalog",
    "schema-service": "schema",
    "canary": "canary",
    "configuration-export": "export",
    "operations-book": "operations",
    "operations-desk": "desk",
}
"""Role -> the module of this package that plays it."""
