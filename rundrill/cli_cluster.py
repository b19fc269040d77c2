"""The words that make, heal, show and remove the drill cluster and its platforms."""

import argparse
import json

from rundrill.cli_words import POLICY, Words, add_word


def cluster_words(words: Words) -> None:
    """Adds up, down, status and kubeconfig."""
    up = add_word(words, "up", _up, "bring up or heal the drill cluster and its platforms")
    up.add_argument("--platform", action="append", metavar="SLUG", help="only this platform (repeatable)")
    up.add_argument("--no-platform", action="store_true", help="Kubernetes and nothing on it")
    down = add_word(words, "down", _down, "remove the drill cluster; caches stay")
    down.add_argument("--platform", action="append", metavar="SLUG", help="only this platform (repeatable)")
    status = add_word(words, "status", _status, "say what of the drill cluster runs")
    status.add_argument("--json", action="store_true", help="for machines")
    kubeconfig = add_word(
        words, "kubeconfig", _kubeconfig, "print the path of the drill cluster's kubeconfig"
    )
    for word in (up, down, status, kubeconfig):
        word.add_argument(
            "--provider",
            choices=("native", "kind"),
            help="default: kind where it and a Docker engine are there",
        )
    up.add_argument("--policy", **POLICY)


def _say(line: str) -> None:
    print(line, flush=True)


def _up(arguments: argparse.Namespace) -> None:
    from rundrill import cluster, platform
    from rundrill.platform.engine import place_undoer
    from rundrill.policy import load_policy

    policy = None if arguments.no_platform else load_policy(arguments.policy)
    platform.check_slugs(arguments.platform or ())
    provider = cluster.open_provider(arguments.provider)
    provider.preflight()
    provider.up(_say)
    if policy is not None:
        place_undoer(provider, _say)
        platform.bring_up(arguments.platform or platform.wanted_platforms(policy), provider, policy, _say)


def _down(arguments: argparse.Namespace) -> None:
    from rundrill import cluster

    provider = cluster.open_provider(arguments.provider)
    if not arguments.platform:
        provider.down(_say)
        return
    from rundrill import platform
    from rundrill.platform.cluster_client import Kubectl
    from rundrill.platform.removal import take_down

    platform.check_slugs(arguments.platform)
    take_down(arguments.platform, Kubectl(provider.kubectl(), provider.kubeconfig(), _say), _say)


def _status(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from rundrill import cluster

    status = cluster.open_provider(arguments.provider).status()
    print(json.dumps(asdict(status), default=str, indent=2) if arguments.json else status)
    return 0 if status.running else 1


def _kubeconfig(arguments: argparse.Namespace) -> None:
    from rundrill import cluster

    print(cluster.open_provider(arguments.provider).kubeconfig())
