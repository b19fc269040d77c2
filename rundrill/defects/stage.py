"""Scratch namespaces for forms with kubectl, and a kubeconfig that may do anything there and nothing elsewhere."""

import contextlib
import json
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from rundrill.defect import KubectlForms
from rundrill.defects.ground import BASE, namespace_body, remove
from rundrill.defects.inside import bash
from rundrill.errors import NoEvidence, PolicyError
from rundrill.gateway.kubernetes import Json, Kube, NotFound

PLACEHOLDER = f"{BASE}:placeholder"
ACCOUNT = "form"
DEFAULT = "default"
GRANTED_WITHIN_S = 10.0
READY_S = 90.0

# Says the scratch name wherever the runbook's is said: on the command line, in what is piped in, in files that are given.
_WRAPPER = """#!{python} -IS
import os, re, subprocess, sys, tempfile
names, kubectl = {names!r}, {kubectl!r}
words, known, piped = [], {known!r}, None
def said(text):
    return re.sub({field!r}, lambda m: m[1] + names[m[2]], text)
def named(path):
    if not os.path.isfile(path):
        return path
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=os.environ["HOME"], delete=False) as copy:
        copy.write(said(open(path).read()))
    return copy.name
for word in sys.argv[1:]:
    before = words[-1] if words else ""
    if before in ("-n", "--namespace"):
        word = names.get(word, word)
    elif before in ("-f", "--filename") and word == "-":
        piped = said(sys.stdin.read()).encode()
    elif before in ("-f", "--filename"):
        word = named(word)
    words.append(re.sub(rf"^(-n=?|--namespace=)({{known}})$", lambda m: m[1] + names[m[2]], word))
if piped is not None:
    sys.exit(subprocess.run([kubectl, *words], input=piped).returncode)
os.execv(kubectl, [kubectl, *words])
"""


@dataclass(frozen=True)
class Stage:
    """Namespaces of one form, each under the name that the runbook gives it."""

    kube: Kube
    names: Mapping[str, str]
    directory: Path
    image: str
    """What the placeholder of an image stands for."""

    def run(self, forms: KubectlForms, form: str) -> Json:
        """What the form did; scratch names in its output read as the runbook's."""
        done = self._bash(form.replace(PLACEHOLDER, self.image), forms.lasts.total_seconds())
        for said, scratch in self.names.items():
            done["stdout"] = done["stdout"].replace(scratch, said)
            done["stderr"] = done["stderr"].replace(scratch, said)
        return done

    def prepare(self, forms: KubectlForms) -> None:
        """Makes the given objects, and waits until they are ready; NoEvidence where they do not come."""
        given = forms.given.replace(PLACEHOLDER, self.image)
        for body in yaml.safe_load_all(self._named(given)):
            if body:
                self._create(body)
        if forms.ready:
            done = self._bash(forms.ready, READY_S)
            if done["exit"]:
                raise NoEvidence(
                    f"the given objects were not ready: {(done['stderr'] or done['stdout'])[-300:]}"
                )

    def _create(self, body: Json) -> None:
        place = body.setdefault("metadata", {}).setdefault("namespace", self.names[DEFAULT])
        if place not in self.names.values():
            raise PolicyError(f"the given {body.get('kind')} is in {place!r}, which is none of `namespaces`")
        self.kube.create(f"{body['apiVersion']}/{body['kind']}", place, body)

    def _named(self, given: str) -> str:
        """The objects with every namespace under its scratch name, in whichever field it stands."""
        return re.sub(_field(self.names), lambda match: match[1] + self.names[match[2]], given)

    def _bash(self, script: str, timeout: float) -> Json:
        environment = {
            "PATH": f"{self.directory / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.directory),
            "KUBECONFIG": str(self.directory / "kubeconfig"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }
        return bash(script, self.directory / "work", environment, timeout)


def _field(names: Iterable[str]) -> str:
    """Where YAML or JSON names one of the namespaces."""
    return rf"""(\bnamespace"?\s*:\s*["']?)({_any_of(names)})(?=["'\s,}}]|$)"""


def _any_of(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, names))


@contextlib.contextmanager
def staged(kube: Kube, forms: KubectlForms, image: str) -> Iterator[Stage]:
    """Fresh namespaces with an account that is at home there; all gone afterwards, on Ctrl-C too."""
    mark = secrets.token_hex(3)
    names = {name: f"rundrill-form-{mark}-{name}" for name in (DEFAULT, *forms.namespaces)}
    with tempfile.TemporaryDirectory(prefix="rundrill-form-") as place:
        directory = Path(place)
        try:
            for name in names.values():
                kube.create("v1/Namespace", None, namespace_body(name))
            _admit(kube, names)
            _write_tools(kube, names, directory)
            yield Stage(kube, names, directory, image)
        finally:
            for name in names.values():
                remove(kube, name)


def _admit(kube: Kube, names: Mapping[str, str]) -> None:
    """An account in the default namespace that may do anything in each, and waits until that holds."""
    home = names[DEFAULT]
    kube.create(
        "v1/ServiceAccount",
        home,
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}},
    )
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    version = "rbac.authorization.k8s.io/v1"
    for name in names.values():
        role = {"apiVersion": version, "kind": "Role", "metadata": {"name": ACCOUNT}, "rules": everything}
        kube.create(f"{version}/Role", name, role)
        binding = {
            "apiVersion": version,
            "kind": "RoleBinding",
            "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": home}],
        }
        kube.create(f"{version}/RoleBinding", name, binding)
    _await(lambda: all(_allowed(kube, home, name) and _at_home(kube, name) for name in names.values()))


def _allowed(kube: Kube, home: str, namespace: str) -> bool:
    review: Json = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{home}:{ACCOUNT}",
            "resourceAttributes": {"namespace": namespace, "verb": "delete", "resource": "secrets"},
        },
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(kube.call("POST", path, review)["status"].get("allowed"))


def _at_home(kube: Kube, namespace: str) -> bool:
    """Whether a pod may be made there: the account that it gets is there."""
    try:
        kube.one("v1/ServiceAccount", namespace, "default")
    except NotFound:
        return False
    return True


def _await(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GRANTED_WITHIN_S
    while not there():
        if time.monotonic() > deadline:
            raise NoEvidence("the scratch namespaces did not become usable")
        time.sleep(0.1)


def _write_tools(kube: Kube, names: Mapping[str, str], directory: Path) -> None:
    """A kubeconfig with the account's token, and a kubectl that knows the scratch names."""
    (directory / "work").mkdir()
    (directory / "bin").mkdir()
    kubeconfig = directory / "kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(json.dumps(_kubeconfig(kube, names[DEFAULT])))
    wrapper = directory / "bin" / "kubectl"
    script = _WRAPPER.format(
        python=sys.executable,
        names=dict(names),
        kubectl=str(kube.kubectl.program),
        known=_any_of(names),
        field=_field(names),
    )
    wrapper.write_text(script)
    wrapper.chmod(0o755)


def _kubeconfig(kube: Kube, home: str) -> Json:
    """One context: the account's, in the namespace that stands for the default one."""
    path = f"/api/v1/namespaces/{home}/serviceaccounts/{ACCOUNT}/token"
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 3600},
    }
    token = kube.call("POST", path, body)["status"]["token"]
    cluster: Json = {"server": kube.access.url}
    cluster |= {"certificate-authority": kube.access.ca} if kube.access.ca else {}
    cluster |= {} if kube.access.verify else {"insecure-skip-tls-verify": True}
    context = {"cluster": "form", "user": "form", "namespace": home}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "form",
        "clusters": [{"name": "form", "cluster": cluster}],
        "users": [{"name": "form", "user": {"token": token}}],
        "contexts": [{"name": "form", "context": context}],
    }
