"""What runs in the cluster from the start: names, metrics, storage."""

import hashlib
import subprocess
from pathlib import Path
from string import Template

from rundrill.cluster import addresses as at
from rundrill.cluster.places import DEPLOY, Places
from rundrill.cluster.provider import ClusterBroken

# app -> how many pods of it must be ready
EXPECTED = {"kube-dns": 2, "metrics-server": 1, "provisioner": 2}


def apply(places: Places, kubectl: Path, images: dict[str, str]) -> None:
    """Applies the addons unless exactly these were applied to this cluster before; `images`: name -> reference."""
    text = _manifests(images)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    if places.addons.exists() and places.addons.read_text() == fingerprint:
        return
    done = subprocess.run(
        [kubectl, f"--kubeconfig={places.kubeconfig}", "apply", "--server-side", "--force-conflicts",
         "--field-manager=rundrill", "-f", "-"],
        input=text, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if done.returncode:
        raise ClusterBroken(f"addons: {done.stderr.strip()[-800:]}")
    places.addons.write_text(fingerprint)


def _manifests(images: dict[str, str]) -> str:
    values = {f"{name.upper().replace('-', '_')}_IMAGE": ref for name, ref in images.items()}
    texts = [path.read_text() for path in sorted((DEPLOY / "addons").glob("*.yaml"))]
    return Template("\n---\n".join(texts)).substitute(values, DNS_ADDRESS=at.DNS)
