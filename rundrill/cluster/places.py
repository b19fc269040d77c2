"""Where everything lies: caches that survive `down`, and state that does not."""

import os
from dataclasses import dataclass
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "native"


@dataclass(frozen=True)
class Places:
    """The directories under $RUNDRILL_HOME, or ~/.cache/rundrill."""

    home: Path

    @property
    def state(self) -> Path:
        """Everything that `down` removes."""
        return self.home / "state"

    @property
    def pki(self) -> Path:
        """Certificates, keys and the kubeconfigs of the components."""
        return self.state / "pki"

    @property
    def etcd(self) -> Path:
        """The content of the cluster."""
        return self.state / "etcd"

    @property
    def logs(self) -> Path:
        """One log for each daemon."""
        return self.state / "logs"

    @property
    def kubeconfig(self) -> Path:
        """How the machine reaches the cluster."""
        return self.state / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """Who asked the API server for what."""
        return self.logs / "audit.log"

    @property
    def lock(self) -> Path:
        """Held by the one `up` or `down` that works."""
        return self.home / "lock"

    @property
    def made_of(self) -> Path:
        """The fingerprint of the sources that the living cluster was made of."""
        return self.state / "made-of"

    @property
    def addons(self) -> Path:
        """The fingerprint of the addons that were applied; it goes with the content that they are part of."""
        return self.etcd / "addons"

    @property
    def binaries(self) -> Path:
        """Cache: one directory for each set of sources and flags."""
        return self.home / "bin"

    @property
    def images(self) -> Path:
        """Cache: archives of the cluster's own images."""
        return self.home / "images"

    def containerd(self, node: str) -> Path:
        """Cache: the images of one node, unpacked."""
        return self.home / "containerd" / node

    def node(self, node: str) -> Path:
        """What one node keeps on disk while the cluster lives."""
        return self.state / node


def find_places() -> Places:
    """The places that the environment asks for."""
    return Places(Path(os.environ.get("RUNDRILL_HOME") or Path.home() / ".cache" / "rundrill").resolve())
