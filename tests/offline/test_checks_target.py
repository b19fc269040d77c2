"""Where a target's name leads."""

from pathlib import Path

import pytest

from rundrill.errors import TargetError
from rundrill.policy import Policy, load_policy
from rundrill.target import open_target

ROOT = Path(__file__).resolve().parents[2]


def kubeconfig(path: Path, *names: str) -> Path:
    contexts = ", ".join(f"{{name: {name}, context: {{cluster: x, user: x}}}}" for name in names)
    path.write_text(f"{{apiVersion: v1, kind: Config, contexts: [{contexts}]}}")
    return path


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Policy:
    """The policy, on a machine without any cluster, with an entry for another context."""
    monkeypatch.setenv("RUNDRILL_HOME", str(tmp_path / "rundrill"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    policy = load_policy(ROOT / "slo.yaml")
    entry = policy.targets["rundrill"]
    return Policy(**{**vars(policy), "targets": {"rundrill": entry, "staging": entry}})


def test_a_context_is_found_in_a_list_of_files(
    policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [kubeconfig(tmp_path / "one", "other"), kubeconfig(tmp_path / "two", "staging")]
    monkeypatch.setenv("KUBECONFIG", ":".join(map(str, files)))
    target = open_target("kube://staging", policy)
    # The whole list is kept: a context may name a cluster of another file.
    assert (target.context, str(target.kubeconfig)) == ("staging", ":".join(map(str, files)))


def test_a_context_is_found_in_the_home_directory(policy: Policy, tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    expected = kubeconfig(tmp_path / ".kube" / "config", "staging")
    assert open_target("kube://staging", policy).kubeconfig == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("staging", "expected kube://CONTEXT", id="no scheme"),
        pytest.param("http://staging", "expected kube://CONTEXT", id="another scheme"),
        pytest.param("kube://", "expected kube://CONTEXT", id="no name"),
        pytest.param("kube://production", "no such entry under targets", id="not in the policy"),
        pytest.param("kube://staging", "no context 'staging' in", id="in no kubeconfig"),
    ],
)
def test_a_target_that_leads_nowhere_is_refused_in_one_line(policy: Policy, url: str, words: str) -> None:
    with pytest.raises(TargetError, match=words) as refusal:
        open_target(url, policy)
    assert "\n" not in str(refusal.value)
