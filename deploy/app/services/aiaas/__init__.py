"""The platform `aiaas`: a gateway over agents and their tools."""

ROLES = {
    "api-gateway": "gateway",
    "orchestrator": "orchestrator",
    "tool-service": "tools",
    "schema-registry": "registry",
    "feature-flags": "flags",
    "realtime-service": "realtime",
    "external-service": "external",
    "aiaas-canary": "canary",
    "aiaas-export": "export",
    "database-maintenance": "maintenance",
}
