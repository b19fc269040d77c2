"""Each way of showing a defect, as docs/defects.md has it, is shown on a cluster; a form that does not do what is said is not."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rundrill.defect import Defect
from rundrill.defects.ground import Ground, scratch_ground, sweep
from rundrill.defects.rows import show
from rundrill.gateway.kubernetes import Kube
from rundrill.restore.pod import LABEL
from rundrill.session import Session

pytestmark = [pytest.mark.cluster, pytest.mark.apart]
PAGE = Path(__file__).parents[2] / "docs" / "defects.md"


def examples() -> list[dict[str, Any]]:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    return [row for block in blocks for row in yaml.safe_load(block)]


ROWS = {row["id"]: row for row in examples() if "drilled" not in row}


@pytest.fixture(scope="module")
def kube(session: Session) -> Kube:
    return session.kube


@pytest.fixture(scope="module")
def ground(kube: Kube) -> Iterator[Ground]:
    with scratch_ground(kube) as made:
        yield made


def namespaces(kube: Kube) -> set[str]:
    """The scratch namespaces that are not on their way out."""
    found = kube.items("v1/Namespace", None, LABEL)
    return {one["metadata"]["name"] for one in found if one["status"]["phase"] == "Active"}


def until(there: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def asked(script: str, **more: object) -> dict[str, Any]:
    return {"form": script, "given": "", "files": {}, "servers": [], "settings": {}, "timeout": 10} | more


@pytest.mark.parametrize("name", ROWS)
def test_the_example_of_each_way_is_shown(name: str, kube: Kube, ground: Ground) -> None:
    seen = show(Defect.model_validate(ROWS[name]), kube, ground)
    assert seen.shown, seen


@pytest.mark.parametrize(
    ("name", "way", "change", "why"),
    [
        pytest.param("shop.dump-hides-failure", "shell", {"literal": "set -o pipefail; pg_dump shoop | gzip > shop.gz"}, "the literal form did something else", id="a literal form that is not defective"),
        pytest.param("shop.dump-hides-failure", "shell", {"intended": "pg_dump shoop | gzip > shop.gz"}, "the intended form did something else", id="a mended form that mends nothing"),
        pytest.param("shop.dump-hides-failure", "shell", {"intended_gives": {"stdout": "0"}, "intended": "echo 0"}, "there is no difference", id="two forms that do the same"),
        pytest.param("shop.dump-hides-failure", "shell", {"given": "createdb postgres"}, "`given` ended with 1", id="a beginning that fails"),
        pytest.param("shop.dump-hides-failure", "shell", {"literal": "sleep 60", "lasts": "1s"}, "exit is 124", id="a form that hangs"),
        pytest.param("shop.gone-is-silent", "promql", {"literal": 'absent(up{job="shop"})'}, "the literal form gave something else", id="an expression that is not blind"),
        pytest.param("shop.gone-is-silent", "promql", {"intended_gives": [{"labels": "other", "value": 2}]}, "the intended form gave something else", id="an expression that gives another value"),
        pytest.param("shop.gone-never-fires", "rules", {"literal": {"expr": 'absent(up{job="shop"})'}}, "the literal form gave something else", id="a rule that does fire"),
        pytest.param("shop.more-connections-than-there-are", "numbers", {"must_be": ">="}, "holds: no contradiction", id="figures that agree"),
        pytest.param("shop.secret-in-the-wrong-place", "kubectl", {"literal": "kubectl get secrets -n kube-system"}, "forbidden", id="a form that looks elsewhere"),
    ],
)  # fmt: skip
def test_a_row_that_does_not_do_what_it_says_is_not_shown(
    name: str, way: str, change: dict[str, object], why: str, kube: Kube, ground: Ground
) -> None:
    row = {**ROWS[name], way: {**ROWS[name][way], **change}}
    seen = show(Defect.model_validate(row), kube, ground)
    assert not seen.shown
    assert why in f"{seen.why_not} {seen.literal_seen}"


def test_a_form_leads_nowhere(ground: Ground) -> None:
    tries = "ls /var/run/secrets/kubernetes.io; getent hosts kubernetes.default.svc; env | grep -c _SERVICE_; id -u"
    done = ground.run(asked(tries))
    assert done["stdout"].splitlines() == ["0", "990"], done


def test_nothing_of_a_form_is_left(ground: Ground) -> None:
    ground.run(asked("setsid tail -f /dev/null & touch trace; echo", servers=["postgres", "redis"]))
    left = ground.run(asked("ps -eo comm; ls /scratch"))["stdout"]
    assert not re.search("redis|postgres|tail", left), left


def test_each_form_begins_anew(ground: Ground) -> None:
    servers = {"servers": ["postgres", "redis"], "given": "createdb shop"}
    for _ in range(2):
        done = ground.run(
            asked("redis-cli -h redis incr visits; psql -d shop -c 'create table t()'", **servers)
        )
        assert (done["exit"], done["stdout"].splitlines()) == (0, ["1", "CREATE TABLE"])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_a_run_its_scratch_goes(how: signal.Signals, kube: Kube) -> None:
    before = namespaces(kube)
    script = (
        "from pathlib import Path; from rundrill.session import open_session; import time\n"
        "from rundrill.defects.ground import scratch_ground\n"
        "with open_session(Path('slo.yaml'), 'kube://rundrill', Path('reports')) as session:\n"
        "    with scratch_ground(session.kube): time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], cwd=PAGE.parents[1], stderr=subprocess.DEVNULL)
    until(lambda: namespaces(kube) - before)
    child.send_signal(how)
    child.wait()
    if how is signal.SIGKILL:
        assert namespaces(kube) - before
        assert sweep(kube)
    until(lambda: not namespaces(kube) - before)
