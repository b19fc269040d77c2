"""The accounts of deploy/gameday may do their work and no more, as the API server itself says."""

from collections.abc import Iterator

import pytest
from accounts import as_account
from workbench import namespace, opened

from rundrill import guard
from rundrill.errors import TargetError
from rundrill.gateway.kubernetes import Json, Kube
from rundrill.session import Session

pytestmark = [pytest.mark.cluster, pytest.mark.apart]
SPACE, PROTECTED, OURS = "rundrill-test-rights", "kube-system", "rundrill"
BINDING = "rbac.authorization.k8s.io/v1/RoleBinding"


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """A namespace that opted in, with the driller's binding in it as the file tells."""
    with opened(disruptive=False) as session, namespace(session, SPACE, {guard.LABEL: guard.ALLOWED}):
        bound: Json = {
            "metadata": {"name": "rundrill-driller"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "rundrill-driller",
            },
            "subjects": [{"kind": "ServiceAccount", "name": "driller", "namespace": OURS}],
        }
        session.kube.create(BINDING, SPACE, bound)
        yield session


def may(session: Session, who: str, verb: str, resource: str, space: str | None, name: str = "") -> bool:
    """Whether an account may; `resource` is group/kind or group/kind/subresource, the core group is ""."""
    group, kind, *sub = resource.split("/")
    asked = {"verb": verb, "group": group, "resource": kind, "subresource": "".join(sub), "name": name}
    asked |= {"namespace": space} if space else {}
    spec = {
        "user": f"system:serviceaccount:{OURS}:{who}",
        "groups": ["system:serviceaccounts", f"system:serviceaccounts:{OURS}", "system:authenticated"],
        "resourceAttributes": asked,
    }
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    said = session.kube.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(said["status"]["allowed"])


CHANGES = ("create", "patch", "update", "delete", "deletecollection")
KINDS = ("/pods", "/configmaps", "/secrets", "/services", "/nodes", "apps/deployments", "apps/deployments/scale",
         "batch/jobs", "networking.k8s.io/networkpolicies", "rbac.authorization.k8s.io/roles")  # fmt: skip


@pytest.mark.parametrize("space", [SPACE, PROTECTED, OURS, None])
def test_the_reader_can_change_nothing(session: Session, space: str | None) -> None:
    allowed = [
        f"{verb} {kind}" for verb in CHANGES for kind in KINDS if may(session, "reader", verb, kind, space)
    ]
    assert allowed == []


def test_the_reader_reads_all_but_secrets(session: Session) -> None:
    assert all(may(session, "reader", "list", kind, SPACE) for kind in KINDS if kind not in ("/secrets",))
    assert not may(session, "reader", "list", "/secrets", SPACE)
    assert not may(session, "reader", "get", "/secrets", SPACE, "any")
    assert may(session, "reader", "get", "/secrets", SPACE, "rundrill-access")


DRILLS = [
    ("delete", "/pods"),
    ("create", "/pods/exec"),
    ("create", "/pods/eviction"),
    ("patch", "apps/deployments"),
    ("patch", "apps/deployments/scale"),
    ("patch", "/configmaps"),
    ("patch", "/secrets"),
    ("create", "networking.k8s.io/networkpolicies"),
]


def test_the_driller_breaks_what_opted_in(session: Session) -> None:
    refused = [f"{verb} {kind}" for verb, kind in DRILLS if not may(session, "driller", verb, kind, SPACE)]
    assert refused == []


@pytest.mark.parametrize("space", [PROTECTED, "default", "monitoring"])
def test_the_driller_breaks_nothing_else(session: Session, space: str) -> None:
    # To read from inside a container is the reader's right already.
    allowed = [
        f"{verb} {kind}"
        for verb, kind in DRILLS
        if kind != "/pods/exec" and may(session, "driller", verb, kind, space)
    ]
    assert allowed == []
    assert not may(session, "driller", "get", "/secrets", space, "any")


def test_the_driller_keeps_the_ledger(session: Session) -> None:
    wanted = [("create", "/configmaps"), ("patch", "coordination.k8s.io/leases"), ("create", "batch/jobs"),
              ("create", "/pods"), ("create", "/secrets")]  # fmt: skip
    assert [one for one in wanted if not may(session, "driller", *one, OURS)] == []


def test_the_undoer_undoes_and_reads_no_secret_of_a_platform(session: Session) -> None:
    wanted = [("patch", "apps/deployments/scale"), ("patch", "/configmaps"), ("create", "/pods/exec")]
    assert [one for one in wanted if not may(session, "undoer", *one, SPACE)] == []
    assert may(session, "undoer", "patch", "/nodes", None)
    for verb in ("get", "list", "patch", "create", "delete"):
        assert not may(session, "undoer", verb, "/secrets", SPACE, "any")
    assert not may(session, "undoer", "create", "/pods", SPACE)
    assert not may(session, "undoer", "create", "rbac.authorization.k8s.io/roles", SPACE)


def test_a_hand_on_a_node_may_only_look_whether_to_let_go(session: Session) -> None:
    assert may(session, "hand", "get", "/pods", OURS) and may(session, "hand", "get", "/configmaps", OURS)
    others = [
        f"{verb} {kind}"
        for verb in (*CHANGES, "list")
        for kind in KINDS
        if may(session, "hand", verb, kind, OURS)
    ]
    assert others == []
    assert not may(session, "hand", "get", "/pods", SPACE)


@pytest.fixture(scope="module")
def undoer(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """The cluster as the undoer has it."""
    place = as_account(session, "undoer", tmp_path_factory.mktemp("undoer") / "kubeconfig")
    kube = Kube(place, "as-undoer")
    yield kube
    kube.close()


def test_the_undoer_changes_nothing_where_no_fault_can_be(undoer: Kube) -> None:
    settings: Json = {"metadata": {"name": "rundrill-test-stays-out"}, "data": {}}
    undoer.call("POST", f"/api/v1/namespaces/{SPACE}/configmaps", settings, {"dryRun": "All"})
    with pytest.raises(TargetError, match="no fault can be here"):
        undoer.call("POST", f"/api/v1/namespaces/{PROTECTED}/configmaps", settings, {"dryRun": "All"})
    with pytest.raises(TargetError, match="no fault can be here"):
        undoer.call("DELETE", f"/api/v1/namespaces/{PROTECTED}/services/kube-dns", query={"dryRun": "All"})


def test_the_undoer_enters_no_container_where_no_fault_can_be(session: Session, undoer: Kube) -> None:
    pod = session.kube.items("v1/Pod", PROTECTED, "k8s-app=kube-dns")[0]["metadata"]["name"]
    with pytest.raises(TargetError, match="no fault can be here"):
        undoer.exec(PROTECTED, pod, None, ["true"])
