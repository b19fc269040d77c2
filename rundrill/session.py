"""One look at one target: the policy, the servers, and what was asked of them already."""

import contextlib
import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rundrill import lease
from rundrill.errors import PolicyError, TargetError
from rundrill.gateway.alertmanager import Alertmanager
from rundrill.gateway.kubernetes import Kube
from rundrill.gateway.postgres import Login, Postgres
from rundrill.gateway.prometheus import Prometheus
from rundrill.gateway.redis import Redis
from rundrill.gateway.ways import Ways
from rundrill.gateway.witness import Witness
from rundrill.policy import Policy, load_policy
from rundrill.profile import Profile
from rundrill.promise import Promise
from rundrill.target import (
    BrokerAddress,
    DatabaseAddress,
    PlatformAddresses,
    SecretRef,
    ServiceAddress,
    Target,
    open_target,
)

if TYPE_CHECKING:
    from rundrill.gateway.kafka import Kafka

_WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


class Session:
    """Everything that measuring needs; whatever it opens on the way is closed with it."""

    def __init__(
        self, policy: Policy, target: Target, directory: Path, disruptive: bool, profile: str | None = None
    ) -> None:
        self.policy = policy
        self.target = target
        self.profile_name = profile or target.entry.profile
        self.profile: Profile = policy.profiles[self.profile_name]
        self.directory = directory
        self.disruptive = disruptive
        self.run = lease.run_name(directory)
        """What the ledger and the Lease know this run by; a child of it is told the same name."""
        self.chosen: frozenset[str] | None = None
        """The experiments and crowds that a disruptive session may run; all of them where nothing is said."""
        self.kube = Kube(target.kubeconfig, target.context)
        self._slugs = {
            promise.id: runbook.runbook for runbook in policy.runbooks for promise in runbook.promises
        }
        self._open = contextlib.ExitStack()
        self._open.callback(self.kube.close)
        self.ways = Ways(self.kube, target.inside)
        self._open.callback(self.ways.close)
        self._answers: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends every connection and every child that was started on the way."""
        self._open.close()

    def may_run(self, experiment: str) -> bool:
        """Whether this session was told to run the experiment of that name."""
        return self.disruptive and (self.chosen is None or experiment in self.chosen)

    def slug(self, promise: Promise) -> str:
        """The runbook that a promise stands in."""
        return self._slugs[promise.id]

    def platform(self, slug: str) -> PlatformAddresses:
        """The addresses of a runbook's platform on this target."""
        try:
            return self.target.entry.platforms[slug]
        except KeyError:
            raise TargetError(f"{self.target.url}: slo.yaml gives no platform {slug!r} for it") from None

    def namespace(self, slug: str, name: str) -> str:
        """The namespace on this target that stands for one of the runbook."""
        return self.platform(slug).namespaces.get(name, name)

    def cached[T](self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gave when it was first asked under this key; an error goes to whoever waits for it, and is not kept."""
        with self._lock:
            answer = self._answers.get(key)
            mine = answer is None
            if answer is None:
                answer = self._answers[key] = Future()
        if mine:
            try:
                answer.set_result(make())
            except BaseException as error:
                with self._lock:
                    self._answers.pop(key, None)
                answer.set_exception(error)
                raise
        found: T = answer.result()
        return found

    def forget(self) -> None:
        """Drops every cached answer about the target, after something changed it; connections and verdicts stay."""
        with self._lock:
            self._answers = {key: answer for key, answer in self._answers.items() if _lasts(key)}

    def prometheus(self, slug: str) -> Prometheus:
        """The platform's Prometheus."""
        return self.cached(("open", "prometheus", slug), lambda: self._new_prometheus(slug))

    def alertmanager(self, slug: str) -> Alertmanager:
        """The platform's Alertmanager."""
        address = self.platform(slug).alertmanager
        return self.cached(("open", "alertmanager", slug), lambda: Alertmanager(self.kube, address))

    def witness(self, slug: str) -> Witness:
        """The witness of the platform's notifications; TargetError where the target has none."""
        address = self.platform(slug).witness
        if address is None:
            raise TargetError(f"{self.target.url}: slo.yaml names no witness for {slug}")
        return self.cached(("open", "witness", slug), lambda: Witness(self.kube, address))

    def postgres(self, slug: str, role: str = "reader") -> Postgres:
        """The platform's database by one of its roles; all but `driller` are held to reading."""
        databases = self.platform(slug).postgres
        if role not in databases:
            raise TargetError(f"{self.target.url}: slo.yaml gives no PostgreSQL role {role!r} for {slug}")
        address = databases[role]
        return self.cached(("open", "postgres", slug, role), lambda: self._new_postgres(address, role))

    def redis(self, slug: str) -> Redis:
        """The platform's Redis; TargetError where the target has none."""
        address = self.platform(slug).redis
        if address is None:
            raise TargetError(f"{self.target.url}: slo.yaml names no Redis for {slug}")
        return self.cached(("open", "redis", slug), lambda: self._new_redis(address))

    def kafka(self, slug: str) -> "Kafka":
        """The platform's Kafka; TargetError where the target has none."""
        address = self.platform(slug).kafka
        if address is None:
            raise TargetError(f"{self.target.url}: slo.yaml names no Kafka for {slug}")
        return self.cached(("open", "kafka", slug), lambda: self._new_kafka(address))

    def ingress(self, slug: str) -> ServiceAddress:
        """The platform's front door; TargetError where the target has none."""
        address = self.platform(slug).ingress
        if address is None:
            raise TargetError(f"{self.target.url}: slo.yaml names no ingress for {slug}")
        return address

    def reach(self, service: str) -> tuple[str, int]:
        """Host and port that lead to `namespace/name:port`: by name inside the cluster, by a tunnel outside."""
        return self.ways.service(service)

    def password(self, where: SecretRef) -> str:
        """A credential, from the Secret or the environment variable that slo.yaml names."""
        if where.secret:
            namespace, name, key = where.secret.split("/")
            return self.kube.secret(namespace, name, key)
        if where.env and where.env in os.environ:
            return os.environ[where.env]
        raise TargetError(f"{self.target.url}: the environment variable {where.env} is not set")

    def _new_prometheus(self, slug: str) -> Prometheus:
        server = Prometheus(self.kube, self.platform(slug).prometheus)
        self._closing(server.close)
        return server

    def _new_postgres(self, address: DatabaseAddress, role: str) -> Postgres:
        database = Postgres(self.login(address), read_only=role != "driller")
        self._closing(database.close)
        return database

    def login(self, address: DatabaseAddress) -> Login:
        """Where a database is reached from here, and with what."""
        host, port = self.reach(address.service)
        return Login(
            host,
            port,
            address.user or "postgres",
            address.database or "postgres",
            self.password(address.password),
        )

    def _new_redis(self, address: DatabaseAddress) -> Redis:
        server = Redis(*self.reach(address.service), self.password(address.password))
        self._closing(server.close)
        return server

    def _new_kafka(self, address: BrokerAddress) -> "Kafka":
        # Its library reads a hundred files when it is imported: only for whoever asks a broker.
        from rundrill.gateway.kafka import Kafka

        namespace, _, named = address.service.partition("/")
        self.reach(address.service)
        broker = Kafka(named, partial(self.ways.named, namespace))
        self._closing(broker.close)
        return broker

    def keep[T](self, context: contextlib.AbstractContextManager[T]) -> T:
        """What the context gives; it ends when this session does."""
        entered = context.__enter__()
        with self._lock:
            self._open.push(context)
        return entered

    def _closing(self, close: Callable[[], None]) -> None:
        with self._lock:
            self._open.callback(close)


def _lasts(key: Hashable) -> bool:
    """Whether an answer outlives a change of the target: an experiment that was run is not run again."""
    return isinstance(key, tuple) and key[0] in ("open", "experiment", "seen", "ingress-ca")


def open_session(
    policy_path: Path, target_url: str, directory: Path, disruptive: bool = False, profile: str | None = None
) -> Session:
    """A session on a target that answers and knows us; PolicyError or TargetError before anything is touched."""
    policy = load_policy(policy_path)
    if profile is not None and profile not in policy.profiles:
        known = ", ".join(policy.profiles)
        raise PolicyError(f"{policy_path}: found no profile {profile!r}, expected one of: {known}")
    session = Session(policy, open_target(target_url, policy), directory, disruptive, profile)
    # Asks who we are: a wrong token is told here, where /version would answer anybody.
    session.kube.call("POST", _WHO, {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    return session
