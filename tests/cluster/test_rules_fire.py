"""The generated rules do what the runbook says: judged by the Prometheus of the platform itself, in simulated real time."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from rundrill.generate import prometheus_rules
from rundrill.policy import load_policy
from rundrill.session import open_session

pytestmark = [pytest.mark.cluster, pytest.mark.apart]

ROOT = Path(__file__).parents[2]
SLUG = "aic-aipaas"
STEP = "10s"
SERVICES = (
    "auth-service",
    "app-management-service",
    "training-service",
    "inference-service",
    "synthetic-data-service",
    "catalog-service",
    "schema-service",
)
WELL = {f'up{{job="{name}", pod="a"}}': "1x200" for name in SERVICES}
TRAFFIC = 'http_requests_total{job="catalog-service", code="200"}'
ERRORS = 'http_requests_total{job="catalog-service", code="500"}'
POOL = {'hikaricp_connections_max{job="app-management-service", pod="a"}': "20x200"}
ACTIVE = 'hikaricp_connections_active{job="app-management-service", pod="a"}'


@dataclass(frozen=True)
class Scene:
    """Samples every ten seconds, and at which times an alert fires for which job (`None`: without one; no job: silent)."""

    alert: str
    series: dict[str, str]
    firing: dict[str, tuple[str | None, ...]]
    labels: dict[str, str] = field(default_factory=dict)
    """What the alert carries besides its rule's labels and its job."""


def auth(samples: str) -> dict[str, str]:
    return WELL | {'up{job="auth-service", pod="a"}': samples}


POD = 'namespace="microservices", pod="a", container="a"'
LIMIT = {
    f"container_spec_cpu_quota{{{POD}}}": "100000x200",
    f"container_spec_cpu_period{{{POD}}}": "100000x200",
}
BURNT = f"container_cpu_usage_seconds_total{{{POD}}}"
WHOSE = {"namespace": "microservices", "pod": "a", "container": "a"}
MEMORY = {f"container_spec_memory_limit_bytes{{{POD}}}": "1000x200"}
USED = f"container_memory_working_set_bytes{{{POD}}}"
DISK = {'node_filesystem_size_bytes{node="a"}': "100x200"}
FREE, LEFT = 'node_filesystem_free_bytes{node="a"}', 'node_filesystem_avail_bytes{node="a"}'


SCENES = [
    pytest.param(
        Scene("ServiceDown", auth("1x30 0x100"), {"7m": (), "7m10s": ("auth-service",)}),
        id="a service whose endpoints fail fires after two minutes",
    ),
    pytest.param(
        Scene("ServiceDown", auth("1x30 stale"), {"7m": (), "7m10s": ("auth-service",)}),
        id="a service at zero replicas fires after two minutes",
    ),
    pytest.param(
        Scene("ServiceDown", auth("1x30 0x5 stale"), {"7m": (), "7m10s": ("auth-service",)}),
        id="a service that first fails and then vanishes fires once and keeps its clock",
    ),
    pytest.param(
        Scene("ServiceDown", auth("1x30 0x8 1x100"), {f"{minute}m": () for minute in range(5, 12)}),
        id="an outage of 90 seconds stays silent",
    ),
    pytest.param(
        Scene("ServiceDown", auth("1x30 0x20 1x100"), {"8m": ("auth-service",), "9m": ()}),
        id="a service that is back resolves",
    ),
    pytest.param(
        Scene("ServiceDown", WELL | {'up{job="auth-service", pod="b"}': "0x200"}, {"20m": ()}),
        id="one dead endpoint of two stays silent",
    ),
    pytest.param(
        Scene("HighErrorRate", {TRAFFIC: "0+94x200", ERRORS: "0x30 0+6x170"}, {"9m50s": (), "11m": (None,)}),
        id="six percent of errors fire after five minutes",
    ),
    pytest.param(
        Scene("HighErrorRate", {TRAFFIC: "0+96x200", ERRORS: "0x30 0+4x170"}, {"20m": (), "30m": ()}),
        id="four percent of errors stay silent",
    ),
    pytest.param(
        Scene(
            "HighErrorRate",
            {TRAFFIC: "0+50x200", ERRORS: "0x30 0+50x24 1200x140"},
            {f"{minute}m": () for minute in range(5, 16)},
        ),
        id="a burst of four minutes stays silent, however bad",
    ),
    pytest.param(
        Scene("HighErrorRate", {TRAFFIC: "0+100x200"}, {"20m": ()}),
        id="no errors at all stay silent",
    ),
    pytest.param(
        Scene("DbPool", POOL | {ACTIVE: "2x30 18x170"}, {"20m": ()}),
        id="18 of 20 connections are 90 percent and stay silent",
    ),
    pytest.param(
        Scene(
            "DbPool",
            POOL | {ACTIVE: "2x30 19x30 3x100"},
            {"7m": (), "7m10s": ("app-management-service",), "11m": ()},
        ),
        id="19 of 20 connections fire after two minutes and clear on release",
    ),
    pytest.param(
        Scene(
            "HighCpu",
            LIMIT | {BURNT: "0x30 8.5+8.5x72 620x60"},
            {"14m": (), "16m": (None,), "18m": ()},
            WHOSE,
        ),
        id="85 percent of the limit for twelve minutes fire after ten",
    ),
    pytest.param(
        Scene("HighCpu", LIMIT | {BURNT: "0x30 8.5+8.5x48 416x80"}, {"12m": (), "15m": (), "16m": ()}),
        id="85 percent of the limit for eight minutes stay silent",
    ),
    pytest.param(
        Scene("HighCpu", {BURNT: "0x30 9.5+9.5x150"}, {"16m": (), "20m": ()}),
        id="a container without a limit has no share of it",
    ),
    pytest.param(
        Scene(
            "HighMemory",
            MEMORY | {USED: "100x30 900x72 100x60"},
            {"14m": (), "16m": (None,), "18m": ()},
            WHOSE,
        ),
        id="90 percent of the memory limit for twelve minutes fire after ten",
    ),
    pytest.param(
        Scene("HighMemory", MEMORY | {USED: "850x150"}, {"16m": (), "20m": ()}),
        id="exactly 85 percent of the memory limit stay silent",
    ),
    pytest.param(
        Scene("DiskLow", DISK | {FREE: "50x30 15x100", LEFT: "40x30 15x100"}, {"5m": (), "5m20s": ()}),
        id="a disk that is 85 percent full stays silent",
    ),
    pytest.param(
        Scene(
            "DiskLow",
            DISK | {FREE: "50x30 24x100", LEFT: "40x30 12x100"},
            {"5m": (), "5m20s": (None,)},
            {"node": "a"},
        ),
        id="a disk that is 86 percent full fires at once, what is kept from everybody left aside",
    ),
]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory):
    """Runs promtool beside the platform's Prometheus; nothing of the server is touched."""
    session = open_session(ROOT / "slo.yaml", "kube://rundrill", tmp_path_factory.mktemp("run"), False)
    script = "d=$(mktemp -d -p /dev/shm) && cat > $d/all && cd $d && csplit -sf part all '/^---$/' && TMPDIR=$d promtool test rules part01; s=$?; rm -rf $d; exit $s"

    def judge(rules: str, tests: str) -> tuple[int, str]:
        both = f"{rules}---\n{tests}".encode()
        done = session.kube.exec(
            "monitoring", "prometheus-0", "prometheus", ["/bin/sh", "-c", script], stdin=both
        )
        return done.code, f"{done.stdout!r} {done.stderr!r}"

    yield judge
    session.close()


@pytest.mark.parametrize("scene", SCENES)
def test_a_rule_fires_when_it_should_and_only_then(scene: Scene, prometheus) -> None:
    policy = load_policy(ROOT / "slo.yaml")
    rules = prometheus_rules(policy, SLUG, policy.profiles["real"])
    code, said = prometheus(rules, promtool_test(scene, rules))
    assert code == 0, said


def promtool_test(scene: Scene, rules: str) -> str:
    rule = next(one for one in yaml.safe_load(rules)["groups"][0]["rules"] if one["alert"] == scene.alert)

    def alert(job: str | None) -> dict[str, object]:
        labels = rule["labels"] | scene.labels | ({"job": job} if job else {})
        return {"exp_labels": labels, "exp_annotations": rule["annotations"]}

    times = [
        {"eval_time": at, "alertname": scene.alert, "exp_alerts": [alert(job) for job in jobs]}
        for at, jobs in scene.firing.items()
    ]
    series = [{"series": name, "values": values} for name, values in scene.series.items()]
    test = {"interval": STEP, "input_series": series, "alert_rule_test": times}
    return yaml.safe_dump({"rule_files": ["part00"], "evaluation_interval": STEP, "tests": [test]})
