"""`pytest checks` refuses a wrong call in one line, before anything is touched."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def checks(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "checks", "-q", "-p", "no:cacheprovider", *words]
    command += ["--run-dir", str(folder / "run")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        pytest.param((), pytest.ExitCode.USAGE_ERROR, "say --target kube://", id="no target"),
        pytest.param(("--target", "rundrill"), 2, "expected kube://CONTEXT", id="not a URL"),
        pytest.param(
            ("--target", "kube://nowhere"), 2, "no such entry under targets", id="an unknown target"
        ),
        pytest.param(
            ("--target", "kube://rundrill", "--policy", "no.yaml"),
            2,
            "no.yaml",
            id="a policy that is not there",
        ),
    ],
)
def test_a_wrong_call_is_refused(words: tuple[str, ...], status: int, said: str, tmp_path: Path) -> None:
    done = checks(*words, folder=tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_target_that_does_not_answer_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{clusters: [{name: x, cluster: {server: 'https://127.0.0.1:1'}}], users: [{name: x, user: {token: t}}],"
        " contexts: [{name: rundrill, context: {cluster: x, user: x}}]}"
    )
    command = [sys.executable, "-m", "pytest", "checks", "--target", "kube://rundrill"]
    environment = {
        "PATH": "/usr/bin:/bin",
        "KUBECONFIG": str(kubeconfig),
        "RUNDRILL_HOME": str(tmp_path / "home"),
    }
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "127.0.0.1:1" in done.stderr
    assert "Connection refused" in done.stderr
