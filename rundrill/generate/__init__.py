"""The configuration of Prometheus and Alertmanager that a policy asks for, so that each of its numbers stands once."""

from rundrill.generate.alertmanager import alertmanager_config, nobody_config
from rundrill.generate.prometheus import prometheus_config, prometheus_rules

__all__ = ["alertmanager_config", "nobody_config", "prometheus_config", "prometheus_rules"]
