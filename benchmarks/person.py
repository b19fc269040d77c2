"""A person with a runbook: the commands that it takes to see what a promise asks, as kubectl, psql, curl and the like."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from rundrill.errors import TargetError
from rundrill.listing import container_of, listed, mounted_at, present_pods
from rundrill.promise import Promise, Question
from rundrill.session import Session

type Words = list[str]


class Person:
    """Who knows where everything is, and types one command after the other."""

    def __init__(self, session: Session, slug: str) -> None:
        self.session = session
        self.slug = slug

    def commands(self, promise: Promise) -> list[Words]:
        """What must be typed to see what a promise asks."""
        if promise.objective:
            runbook = self.session.policy.runbook(self.slug)
            indicator = runbook.indicators[promise.objective.indicator]
            window = self.session.profile.window(promise.objective.window)
            filled = indicator.over(window, promise.objective.within or timedelta(seconds=1))
            return [self._promql(filled.good), self._promql(filled.total)]
        assert promise.state
        questions: tuple[Question, ...] = (promise.state, *promise.state.also)
        return [words for question in questions for words in self._asked(question)]

    def _asked(self, question: Question) -> Iterator[Words]:
        word = question.probe.word
        probe = getattr(question.probe, word)
        yield from getattr(self, f"_{word}", self._nothing)(probe)

    def _nothing(self, probe: Any) -> Iterator[Words]:
        yield from ()

    def _space(self, name: str) -> str:
        return self.session.namespace(self.slug, name)

    def _http(self, probe: Any) -> Iterator[Words]:
        said, _, rest = probe.service.removeprefix("https:").partition("/")
        name, _, port = rest.partition(":")
        scheme = "https" if probe.service.startswith("https:") else "http"
        space = self._space(said)
        words = ["curl", "-sk", "-m", "5", "-X", probe.method, "-w", "%{http_code} %{time_total}"]
        words += ["-H", f"Host: {probe.host}"] if probe.host else []
        yield self._from(space, [*words, f"{scheme}://{name}.{space}:{port}{probe.path}"])

    def _workload(self, probe: Any) -> Iterator[Words]:
        yield self._get(probe.kind, probe.namespace, probe.names, probe.selector)

    def _object(self, probe: Any) -> Iterator[Words]:
        group, _, kind = probe.api.rpartition("/")
        name = f"{kind}.{group.replace('/', '.').split('.v')[0]}" if "/" in group else kind
        for space in probe.namespaces or (probe.namespace,):
            yield self._get(
                name if "." in name and "/" in group else kind, space, probe.names, probe.selector
            )

    def _get(self, kind: str, space: str | None, names: Any, selector: str | None) -> Words:
        where = ["-n", self._space(space)] if space else ([] if names else ["-A"])
        return ["get", kind.lower(), *where, *names, *(["-l", selector] if selector else []), "-o", "json"]

    def _config(self, probe: Any) -> Iterator[Words]:
        kinds = {"config_map": "configmap", "secret_keys": "secret", "deployment": "deployment"}
        kinds |= {"stateful_set": "statefulset"}
        for field, kind in kinds.items():
            if name := getattr(probe, field):
                yield ["get", kind, "-n", self._space(probe.namespace), name, "-o", "yaml"]

    def _secret(self, probe: Any) -> Iterator[Words]:
        yield self._get("secret", probe.namespace, probe.names, None)

    def _access(self, probe: Any) -> Iterator[Words]:
        who = [] if probe.as_ == "me" else ["--as", probe.as_]
        where = ["-n", self._space(probe.namespace)] if probe.namespace else ["-A"]
        yield ["auth", "can-i", probe.verb, probe.resource, *where, *who]

    def _rbac(self, probe: Any) -> Iterator[Words]:
        for kinds in ("rolebindings,roles", "clusterrolebindings,clusterroles"):
            yield ["get", kinds, "-n", self._space(probe.namespace), "-o", "json"]

    def _accounts(self, probe: Any) -> Iterator[Words]:
        kinds = "deployments,statefulsets,daemonsets,cronjobs,serviceaccounts"
        yield ["get", kinds, "-n", self._space(probe.namespace), "-o", "json"]

    def _events(self, probe: Any) -> Iterator[Words]:
        yield ["get", "events", "-n", self._space(probe.namespace), "--sort-by=.lastTimestamp"]

    def _claims(self, probe: Any) -> Iterator[Words]:
        yield self._get("pvc", probe.namespace, probe.names, None)
        pods = present_pods(self.session, self._space(probe.namespace), "")
        for claim in listed(self.session, "v1/PersistentVolumeClaim", self._space(probe.namespace)):
            for pod in pods:
                if place := mounted_at(pod, claim["metadata"]["name"]):
                    yield self._exec(pod, place[0], ["df", "-P", place[1]])
                    break

    def _network(self, probe: Any) -> Iterator[Words]:
        said, _, rest = probe.to.removeprefix("https:").partition("/")
        name, _, port = rest.partition(":")
        yield ["get", "networkpolicies", "-n", self._space(said), "-o", "yaml"]
        script = f"timeout 3 bash -c 'exec 3<>/dev/tcp/{name}.{self._space(said)}/{port}'"
        yield from self._inside(probe.from_, ["sh", "-c", script])

    def _dns(self, probe: Any) -> Iterator[Words]:
        yield from self._inside(probe.from_, ["getent", "hosts", probe.name])

    def _tls(self, probe: Any) -> Iterator[Words]:
        said, _, rest = probe.service.partition("/")
        name, _, port = rest.partition(":")
        space = self._space(said)
        address = f"{name}.{space}:{port}"
        script = f"openssl s_client -connect {address} -servername {probe.server_name} </dev/null | openssl x509 -noout -dates"
        yield self._from(space, ["sh", "-c", script])

    def _certificate(self, probe: Any) -> Iterator[Words]:
        space, _, name = probe.secret.partition("/")
        yield ["get", "secret", "-n", self._space(space), name, "-o", r"jsonpath={.data.tls\.crt}"]

    def _postgres_setting(self, probe: Any) -> Iterator[Words]:
        yield self._psql(probe.server, f"SHOW {probe.setting}")

    def _sql(self, probe: Any) -> Iterator[Words]:
        yield self._psql(probe.server, probe.query)

    def _psql(self, server: str, statement: str) -> Words:
        address = self.session.platform(self.slug).postgres[server]
        host, _, port = address.service.partition("/")[2].partition(":")
        words = ["psql", "-h", host, "-p", port, "-U", str(address.user), "-d", str(address.database)]
        login = [f"PGPASSWORD={self.session.password(address.password)}", *words, "-At", "-c", statement]
        return self._from(address.service.partition("/")[0], ["env", *login], service=address.service)

    def _redis(self, probe: Any) -> Iterator[Words]:
        address = self.session.platform(self.slug).redis
        assert address
        host, _, port = address.service.partition("/")[2].partition(":")
        words = ["redis-cli", "--no-auth-warning", "-h", host, "-p", port]
        words += ["-a", self.session.password(address.password)]
        asked = ["--scan", "--pattern", probe.keys] if probe.keys else probe.command.split()
        yield self._from(address.service.partition("/")[0], [*words, *asked], service=address.service)

    def _kafka(self, probe: Any) -> Iterator[Words]:
        address = self.session.platform(self.slug).kafka
        assert address
        space = address.service.partition("/")[0]
        server = ["--bootstrap-server", address.service.partition("/")[2]]
        for name in probe.topics:
            words = ["/opt/kafka/bin/kafka-topics.sh", *server, "--describe", "--topic", name]
            yield self._from(space, words, service=address.service)
        for name in (*probe.groups, *(("--all-groups",) if probe.all else ())):
            chosen = [name] if name.startswith("--") else ["--group", name]
            words = ["/opt/kafka/bin/kafka-consumer-groups.sh", *server, "--describe", *chosen]
            yield self._from(space, words, service=address.service)

    def _promql(self, query: str | Any) -> Any:
        text = query if isinstance(query, str) else query.query
        address = self.session.platform(self.slug).prometheus
        name, _, port = address.service.partition("/")[2].partition(":")
        space = address.service.partition("/")[0]
        asked = [
            "curl",
            "-sG",
            "--data-urlencode",
            f"query={text}",
            f"http://{name}.{space}:{port}/api/v1/query",
        ]
        words = self._from(space, asked, service=address.service)
        return words if isinstance(query, str) else iter([words])

    def _rule(self, probe: Any) -> Iterator[Words]:
        address = self.session.platform(self.slug).prometheus
        name, _, port = address.service.partition("/")[2].partition(":")
        space = address.service.partition("/")[0]
        words = ["curl", "-s", f"http://{name}.{space}:{port}/api/v1/rules"]
        yield self._from(space, words, service=address.service)

    def _logs(self, probe: Any) -> Iterator[Words]:
        for pod in present_pods(self.session, self._space(probe.namespace), probe.selector):
            container = container_of(pod, probe.container)
            space, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
            yield ["logs", "-n", space, name, "-c", container, f"--tail={probe.lines}"]

    def _in_pod(self, probe: Any) -> Iterator[Words]:
        asked = probe.command or (f"test -e {probe.file}" if probe.file else f"pgrep -fc '{probe.process}'")
        yield from self._inside(probe, ["sh", "-c", asked])

    def _export(self, probe: Any) -> Iterator[Words]:
        for pod in present_pods(self.session, self._space(probe.namespace), probe.selector or ""):
            place = mounted_at(pod, probe.claim) if probe.claim else (container_of(pod, None), "")
            if place and pod["status"].get("phase") == "Running":
                script = f"cd {probe.directory} && cat $(ls -t {probe.pattern} | head -1)"
                yield self._exec(pod, probe.container or place[0], ["sh", "-c", script])
                break
        kinds = ",".join(one.rpartition("/")[2].lower() for one in probe.kinds)
        for space in probe.namespaces:
            yield ["get", kinds, "-n", self._space(space), "-o", "json"]

    def _backup(self, probe: Any) -> Iterator[Words]:
        place = self.session.platform(self.slug).backups[probe.backup]
        for pod in present_pods(self.session, place.namespace, ""):
            if seen := mounted_at(pod, place.claim):
                directory = f"{seen[1]}"
                for script in (
                    f"ls -lt {directory}",
                    f"f=$(ls -t {directory}/*.gz | head -1); gunzip -t $f; sha256sum $f",
                ):
                    yield self._exec(pod, seen[0], ["sh", "-c", script])
                return

    def _inside(self, where: Any, words: Words) -> Iterator[Words]:
        for pod in present_pods(self.session, self._space(where.namespace), where.selector):
            yield self._exec(pod, container_of(pod, where.container), words)

    def _from(self, space: str, words: Words, service: str = "") -> Words:
        """The command inside a pod that stands behind the service, or inside any running one of the namespace."""
        pods = [pod for pod in present_pods(self.session, space, "") if pod["status"]["phase"] == "Running"]
        selector: dict[str, str] = {}
        if service:
            name = service.partition("/")[2].partition(":")[0]
            selector = self.session.kube.one("v1/Service", space, name)["spec"]["selector"]
        for pod in pods:
            if selector.items() <= (pod["metadata"].get("labels") or {}).items():
                return self._exec(pod, container_of(pod, None), words)
        raise TargetError(f"no pod of {space} runs")

    def _exec(self, pod: Any, container: str, words: Words) -> Words:
        space, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        return ["exec", "-n", space, name, "-c", container, "--", *words]
