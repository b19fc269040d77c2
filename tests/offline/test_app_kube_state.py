"""kube-state: what objects of the Kubernetes API become as metrics."""

import app_sources  # noqa: F401 # makes services importable
import pytest
from services.kube_families import exposition, number, of_autoscaler, of_cronjob, of_node, of_pod, requested
from services.kube_pages import API_SERVER, CONTAINERS, chosen
from services.recent import Recent

POD = {
    "metadata": {"namespace": "shop", "name": "till-0"},
    "spec": {
        "nodeName": "a",
        "containers": [
            {"name": "till", "resources": {"requests": {"cpu": "250m"}, "limits": {"memory": "64Mi"}}},
            {"name": "scale"},
        ],
    },
    "status": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [
            {"name": "till", "restartCount": 3, "lastState": {"terminated": {"reason": "OOMKilled"}}}
        ],
    },
}


@pytest.mark.parametrize(
    ("quantity", "value"),
    [("250m", 0.25), ("2", 2.0), ("64Mi", 67108864.0), ("1k", 1000.0), ("1e3", 1000.0), ("100n", 1e-7)],
)
def test_a_quantity_is_a_number(quantity: str, value: float) -> None:
    assert number(quantity) == pytest.approx(value)


def test_what_is_no_quantity_is_not_taken_for_one() -> None:
    with pytest.raises(ValueError, match="'a lot' is no quantity"):
        number("a lot")


def test_a_pod_tells_its_phase_readiness_restarts_last_end_and_bounds() -> None:
    said = {(name, *labels.values()): value for name, labels, value in of_pod(POD)}
    assert said["kube_pod_status_phase", "shop", "till-0", "Running"] == 1
    assert said["kube_pod_status_phase", "shop", "till-0", "Failed"] == 0
    assert said["kube_pod_status_ready", "shop", "till-0", "true"] == 0
    assert said["kube_pod_container_status_restarts_total", "shop", "till-0", "till"] == 3
    assert (
        said["kube_pod_container_status_last_terminated_reason", "shop", "till-0", "till", "OOMKilled"] == 1
    )
    assert said["kube_pod_container_resource_limits", "shop", "till-0", "till", "memory", "a"] == 64 * 2**20
    assert said["kube_pod_container_resource_requests", "shop", "till-0", "till", "cpu", "a"] == 0.25


def test_a_node_has_a_sample_for_each_status_that_a_condition_may_have() -> None:
    node = {
        "metadata": {"name": "a"},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {"cpu": "2"}},
    }
    said = {(name, *labels.values()): value for name, labels, value in of_node(node)}
    assert said["kube_node_status_condition", "a", "Ready", "true"] == 1
    assert said["kube_node_status_condition", "a", "Ready", "false"] == 0
    assert said["kube_node_status_allocatable", "a", "cpu"] == 2


def test_requests_are_summed_over_the_pods_that_a_node_runs() -> None:
    ended = POD | {"status": {"phase": "Succeeded"}}
    assert list(requested([POD, POD, ended])) == [
        ("kube_node_status_requested", {"node": "a", "resource": "cpu"}, 0.5)
    ]


def test_a_cronjob_that_never_succeeded_says_nothing() -> None:
    metadata = {"namespace": "shop", "name": "dump"}
    assert list(of_cronjob({"metadata": metadata, "status": {}})) == []
    [(_, labels, when)] = of_cronjob(
        {"metadata": metadata, "status": {"lastSuccessfulTime": "2026-01-01T00:00:00Z"}}
    )
    assert (labels["cronjob"], when) == ("dump", 1767225600)


def test_an_autoscaler_that_has_not_looked_yet_sees_no_replicas() -> None:
    scaler = {"metadata": {"namespace": "shop", "name": "till"}, "spec": {"maxReplicas": 5}, "status": {}}
    assert [value for _, _, value in of_autoscaler(scaler)] == [1, 5, 0, 0]


def test_samples_of_a_name_stand_together_and_quotes_are_escaped() -> None:
    text = exposition([("a", {"x": 'say "hi"'}, 1.0), ("b", {}, 2.5), ("a", {"x": "\\"}, 0.0)])
    assert text.splitlines() == [
        "# TYPE a gauge",
        'a{x="say \\"hi\\""} 1',
        'a{x="\\\\"} 0',
        "# TYPE b gauge",
        "b{} 2.5",
    ]


def test_an_answer_is_shared_while_it_is_fresh_and_a_failure_never_is() -> None:
    made: list[int] = []

    def make() -> str:
        made.append(1)
        if len(made) == 2:
            raise OSError("the API server is away")
        return f"answer {len(made)}"

    shared = Recent(make, fresh_for_s=3600)
    assert (shared.answer(), shared.answer()) == ("answer 1", "answer 1")
    stale = Recent(make, fresh_for_s=-1)
    with pytest.raises(OSError, match="away"):
        stale.answer()
    assert stale.answer() == "answer 3"


PAGE = """\
# HELP container_cpu_usage_seconds_total Seconds.
container_cpu_usage_seconds_total{container="till",namespace="shop",pod="till-0"} 1.5 1700000000000
container_cpu_usage_seconds_total{container="",namespace="shop",pod="till-0"} 2 1700000000000
container_memory_usage_bytes{container="",namespace="shop",pod="till-0"} 3 1700000000000
container_cpu_usage_seconds_total{container="till",namespace="other",pod="till-0"} 4 1700000000000
container_tasks_state{container="till",namespace="shop",pod="till-0"} 5
"""


def test_a_prometheus_gets_only_what_is_about_its_namespaces_with_the_node() -> None:
    text = chosen({"a": PAGE}, CONTAINERS).about(["shop"])
    assert text.splitlines() == [
        'container_cpu_usage_seconds_total{node="a",container="till",namespace="shop",pod="till-0"} 1.5 1700000000000',
        'container_memory_usage_bytes{node="a",container="",namespace="shop",pod="till-0"} 3 1700000000000',
    ]


def test_what_is_about_no_namespace_is_for_everyone() -> None:
    page = 'apiserver_request_total{code="200"} 7\nprocess_open_fds 12\nworkqueue_depth 1\n'
    assert chosen({"": page}, API_SERVER).about([]) == (
        'apiserver_request_total{code="200"} 7\nprocess_open_fds 12\n'
    )
