"""The words of faults: what takes a change back, what a rule hits, and scripts that a shell can read."""

import importlib
import re
import subprocess
from datetime import timedelta
from typing import Any, cast

import pytest

from rundrill.errors import TargetError
from rundrill.faults import grip, latency, network, node, pressure, process, volume
from rundrill.faults.aim import Aim
from rundrill.faults.change import inverse, merged
from rundrill.foreseen import FORESEE
from rundrill.preflight import CATALOGUE
from rundrill.session import Session
from rundrill.target import TargetEntry

type Json = dict[str, Any]
THERE: Json = {"spec": {"replicas": 3, "template": {"labels": {"app": "x"}}}, "data": {"LEVEL": "INFO"}}


@pytest.mark.parametrize(
    "patch",
    [
        pytest.param({"data": {"LEVEL": "DEBUG"}}, id="a changed value"),
        pytest.param({"data": {"NEW": "1"}}, id="a key that was not there"),
        pytest.param({"data": {"LEVEL": None}}, id="a key that is taken away"),
        pytest.param({"spec": {"template": {"labels": {"app": "y", "b": "z"}}}}, id="something deep"),
        pytest.param({"spec": {"paused": {"since": "now"}}}, id="a whole branch that was not there"),
    ],
)
def test_what_a_patch_changed_its_inverse_gives_back(patch: Json) -> None:
    assert merged(merged(THERE, patch), inverse(THERE, patch)) == THERE


def test_a_second_patch_is_taken_back_to_the_first_words() -> None:
    first, second = {"data": {"LEVEL": "DEBUG"}}, {"data": {"LEVEL": "TRACE"}}
    now = merged(THERE, first)
    back = inverse(merged(now, inverse(THERE, first)), second)
    assert merged(merged(now, second), back) == THERE


def test_a_rule_spares_loopback_and_bears_the_name_of_its_entry() -> None:
    rules = Aim("out", 5432, ("198.19.0.7/32",)).rule("-p tcp --syn", "-j DROP")
    assert rules == [
        'OUTPUT ! -o lo -p tcp --syn --dport 5432 -d 198.19.0.7/32 -m comment --comment "$OF" -j DROP'
    ]
    assert Aim("in", None, ()).rule("", "-j DROP") == ['INPUT ! -i lo -m comment --comment "$OF" -j DROP']


def test_a_frozen_container_is_its_first_process_and_all_that_came_of_it() -> None:
    init, service, worker = (
        process.Seen("1", "0", "T", "0", "init -- serve"),
        process.Seen("6", "0", "R", "1", "serve"),
        process.Seen("9", "0", "R", "6", "serve worker"),
    )
    probe = process.Seen("48", "0", "R", "0", "sh -c probe")
    assert process._of_the_first([worker, init, probe, service]) == [worker, init, service]


SCRIPTS = {
    "hand": f"{grip.FIND}\nbegin() {{ :; }}\nundo() {{ :; }}\n{grip.HOLD}",
    "node": node.HOLD,
    "freeze": f"{process._choose('a b')}\n{process._CONTINUE}",
    "rules": "\n".join(
        filter(None, (lambda s: (s.begin, s.end, s.still))(network._scripts(Aim("out", 1, ()).rule("", ""))))
    ),
    "slow": "\n".join(
        filter(
            None,
            (lambda s: (s.begin, s.end, s.still))(
                latency._scripts(Aim("in", 80, ()), timedelta(seconds=1), timedelta(0))
            ),
        )
    ),
    "mount": volume._MOUNT.format(volume="v", path="/d", bytes=1, fill=1),
    "unmount": volume._UNMOUNT.format(volume="v", path="/d"),
    "burn": pressure._BURN.format(workers=1, lasts=1),
    "fill": pressure._FILL_TO.format(target=1, lasts=1),
    "overfill": pressure._OVERFILL.format(eaters=1, bytes=1, lasts=1),
    "end": pressure._END,
    "cpu": pressure._CPU,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_be_read_by_the_shell(name: str) -> None:
    done = subprocess.run(["bash", "-n"], input=SCRIPTS[name], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", ["relative", "/a b", "/a;rm", "/$HOME", ""])
def test_a_path_that_a_shell_would_read_otherwise_is_refused(path: str) -> None:
    with pytest.raises(TargetError, match="a shell takes"):
        volume._checked(path)


def test_every_fault_of_the_catalogue_exists_and_can_be_foreseen() -> None:
    called = [re.findall(r"\(([a-z_]+)\.([a-z_]+)\)$", title) for title in CATALOGUE]
    assert all(called)
    for [(module, func)] in called:
        assert callable(getattr(importlib.import_module(f"rundrill.faults.{module}"), func))
        assert f"{module}.{func}" in FORESEE


def test_what_a_platform_must_have_is_a_word_of_its_addresses() -> None:
    known = {"driller", "replica", "redis", "kafka", ""}
    assert {needs.server for needs in CATALOGUE.values()} <= known
    assert TargetEntry.model_fields["platforms"]


@pytest.mark.parametrize(
    ("limit", "used", "proof"),
    [
        pytest.param("400m", 0.38, "server-1 uses 0.38 of 0.4 CPUs", id="near a limit in thousandths"),
        pytest.param("400m", 0.15, None, id="far from it"),
        pytest.param(None, 0.38, None, id="of a whole processor, without a limit"),
    ],
)
def test_a_processor_is_used_up_where_its_limit_is(
    monkeypatch: pytest.MonkeyPatch, limit: str | None, used: float, proof: str | None
) -> None:
    limits = {"limits": {"cpu": limit}} if limit else {}
    pod = {
        "metadata": {"name": "server-1"},
        "spec": {"containers": [{"name": "server", "resources": limits}]},
    }
    monkeypatch.setattr(pressure, "_cpu", lambda session, pod, container: (used, 2))
    assert pressure._burns(cast(Session, None), pod, None, 1) == proof
