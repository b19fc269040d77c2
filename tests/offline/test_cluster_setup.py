"""What a fresh machine lacks is found, installed or said, and nothing is left behind."""

import stat
from pathlib import Path

import pytest

from rundrill.cluster import binaries, open_provider, preflight
from rundrill.cluster.debian import _there, no_daemon_starts
from rundrill.cluster.places import Places
from rundrill.cluster.processes import ENVIRONMENT


def program(directory: Path, name: str, script: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_no_daemon_starts_while_packages_are_installed(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with pytest.raises(RuntimeError), no_daemon_starts(policy):
        assert "exit 101" in policy.read_text()
        assert policy.stat().st_mode & stat.S_IXUSR
        raise RuntimeError("apt-get broke")
    assert not policy.exists()


def test_a_policy_of_the_machine_is_kept(tmp_path: Path) -> None:
    policy = program(tmp_path, "policy-rc.d", "exit 0")
    with no_daemon_starts(policy):
        assert "exit 0" in policy.read_text()
    assert policy.exists()


def test_a_machine_with_docker_and_no_kind_takes_native(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "docker", "exit 0")
    program(tmp_path, "kubectl", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert open_provider().name == "native"
    program(tmp_path, "kind", "exit 0")
    assert open_provider().name == "kind"


def test_a_machine_without_modprobe_is_told_and_not_crashed_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "PATH", "/nowhere")
    assert not preflight._loaded("overlay")


def test_go_is_not_asked_about_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = program(tmp_path, "go", f'echo "$GOFLAGS" > {tmp_path}/flags')
    monkeypatch.setenv("GOFLAGS", "-modcacherw")
    binaries._build(go, tmp_path, ("tool",), Places(tmp_path).binaries)
    assert (tmp_path / "flags").read_text().split() == ["-modcacherw", "-buildvcs=false"]


def test_a_package_is_there_where_its_program_or_a_file_of_it_is(tmp_path: Path) -> None:
    (tmp_path / "keys-trixie.pgp").touch()
    assert _there(f"{tmp_path}/keys-trixie.*")
    assert not _there(f"{tmp_path}/keys-forky.*")
    assert _there("sh")
    assert not _there("no-such-program")
