"""Questions to databases, caches, brokers, and to what was put aside of them."""

from typing import Annotated

from pydantic import Field, model_validator

from rundrill.probe.frozen import Frozen, exactly_one


class SettingProbe(Frozen):
    """One PostgreSQL setting. Facts: value (as SHOW prints it), pending_restart (bool), source, overridden (bool: by role or database)."""

    setting: str
    server: str = "reader"
    """The name of an entry of the target's `postgres`."""


class SqlProbe(Frozen):
    """A read-only query. One reading a row; facts: its columns; subject: the first column, or `row N`."""

    query: str
    server: str = "reader"
    """The name of an entry of the target's `postgres`, such as `replica`."""


class RedisProbe(Frozen):
    """A read-only Redis command, or a count of keys. Facts: INFO sections as keys, CONFIG GET as key/value, PING as reply,
    and took (seconds); of `keys`: keys (how many match), without_expiry, shortest and longest (seconds left)."""

    command: str | None = None
    keys: str | None = None
    """A pattern such as `request:*`, walked by SCAN."""

    @model_validator(mode="after")
    def _one(self) -> "RedisProbe":
        exactly_one(self, "command", "keys")
        return self


class KafkaProbe(Frozen):
    """Topics, consumer groups or brokers, by Kafka's admin protocol; `took` (seconds) with each.

    Topics: found, partitions, replication, leaders (partitions that have one), under_replicated, in_sync (fewest of a
    partition), messages (ends less starts), config.<key>. Groups: found, state, members, unowned (partitions without
    an owner), lag (in all), lag_most (of one partition). Brokers: brokers, controller.
    """

    topics: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    all: bool = False
    """Every consumer group that there is, in place of `groups`."""
    brokers: bool = False

    @model_validator(mode="after")
    def _one(self) -> "KafkaProbe":
        exactly_one(self, "topics", "groups", "all", "brokers")
        return self


class BackupProbe(Frozen):
    """The newest backup artefact. Facts: age (seconds), size (bytes), complete (bool: archive sound, trailer there), carriage_returns (int), sha256_matches (bool)."""

    backup: str
    """The name of an entry of the target's `backups`."""


class ExportProbe(Frozen):
    """The newest export of Kubernetes objects, a List in YAML or JSON, gzipped or not, as a file that a running pod can see.

    Facts: found, age (seconds), parses (bool), objects (int), missing_kinds and missing (text, "" if none), equal (bool: the
    live ConfigMaps' data), mode (text such as 600), copies (int). Objects younger than the export are not missed.
    """

    namespace: str
    """Where the pod is that sees the directory."""
    claim: str | None = None
    """Any running pod of the namespace that mounts it."""
    selector: str | None = None
    """In place of `claim`: the pods that see it."""
    container: str | None = None
    directory: str
    """As that pod sees it."""
    pattern: str
    namespaces: Annotated[tuple[str, ...], Field(min_length=1)]
    """Whose objects must be in it."""
    kinds: Annotated[tuple[str, ...], Field(min_length=1)]
    """Kinds of which every live object must be in it, as `v1/ConfigMap`."""
    secrets: bool = False
    """Whether Secrets must stand in it too; their names are compared, never their values."""

    @model_validator(mode="after")
    def _one(self) -> "ExportProbe":
        exactly_one(self, "claim", "selector")
        return self
