"""The kubelets' and the API server's own metrics, read once for every Prometheus, and only what one of them asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_NAMESPACE = re.compile(r'namespace="([^"]*)"')
_WHOLE_PODS_TOO = "container_memory_usage_bytes"
"""Kept for the pod and its sandbox as well, as a kubelet gives it: who sums it up counts twice, and shall see it."""

CONTAINERS = (
    "container_cpu_usage_seconds_total",
    "container_cpu_cfs_periods_total",
    "container_cpu_cfs_throttled_periods_total",
    "container_memory_usage_bytes",
    "container_memory_working_set_bytes",
    "container_spec_cpu_period",
    "container_spec_cpu_quota",
    "container_spec_memory_limit_bytes",
)
VOLUMES = ("kubelet_volume_stats_",)
API_SERVER = ("apiserver_request_total", "apiserver_current_inflight_requests", "process_")


@dataclass(frozen=True)
class Lines:
    """Samples in the text format, by the namespace that they are about; "" for those about none."""

    of: Mapping[str, list[str]]

    def about(self, namespaces: Iterable[str]) -> str:
        """Those about these namespaces, and those about none."""
        return "".join(line + "\n" for namespace in ("", *namespaces) for line in self.of.get(namespace, ()))


def chosen(pages: Mapping[str, str], names: tuple[str, ...]) -> Lines:
    """The samples whose name begins with one of these, of every page; where a page has a node, as its label `node`."""
    found: dict[str, list[str]] = {}
    for node, page in pages.items():
        for line in page.splitlines():
            if line.startswith(names) and not _is_whole_pod(line):
                about = _NAMESPACE.search(line)
                found.setdefault(about[1] if about else "", []).append(_labelled(line, node))
    return Lines(found)


def _is_whole_pod(line: str) -> bool:
    return 'container=""' in line and not line.startswith(_WHOLE_PODS_TOO)


def _labelled(line: str, node: str) -> str:
    return line.replace("{", f'{{node="{node}",', 1) if node else line
