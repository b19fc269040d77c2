"""What a target may have and a drill cluster has not: the words of a promise's `needs`."""

from collections.abc import Mapping
from typing import Literal

Capability = Literal[
    "cert-manager",
    "cloud-project",
    "docker-compose",
    "grafana",
    "history",
    "internet",
    "istio",
    "jaeger",
    "network-policies",
    "operators",
    "vpa",
    "vulnerability-scanner",
    "waf",
]

MEANINGS: Mapping[Capability, str] = {
    "cert-manager": "a cert-manager that issues the certificates",
    "cloud-project": "a cloud provider's project with its managed services",
    "docker-compose": "a Docker engine with the runbook's compose project",
    "grafana": "a Grafana with the runbook's dashboards",
    "history": "a past of its own, weeks long",
    "internet": "pods that reach public sites",
    "istio": "an Istio service mesh",
    "jaeger": "a Jaeger that keeps traces",
    "network-policies": "a network that enforces NetworkPolicies",
    "operators": "people who run the platform and keep its books",
    "vpa": "the vertical pod autoscaler",
    "vulnerability-scanner": "a scanner of images",
    "waf": "a web application firewall",
}
