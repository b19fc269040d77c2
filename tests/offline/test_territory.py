"""Which platforms an experiment may disturb."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rundrill.errors import PolicyError
from rundrill.session import Session
from rundrill.territory import configuration_of, disturbed

TARGET = SimpleNamespace(entry=SimpleNamespace(platforms={"bank": 1, "mill": 2, "shop": 3}))
SESSION = cast(Session, SimpleNamespace(target=TARGET))


@pytest.mark.parametrize(
    ("configuration", "platforms"),
    [
        ({"runbook": "shop"}, ("shop",)),
        ({"runbook": "shop", "alone": False}, ("shop",)),
        ({"runbook": "shop", "alone": True}, ("shop", "bank", "mill")),
    ],
)
def test_an_experiment_disturbs_its_own_platform_or_all(
    configuration: dict[str, Any], platforms: tuple[str, ...]
) -> None:
    assert disturbed(configuration, SESSION) == platforms


def test_an_experiment_that_names_no_runbook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("title: x\nconfiguration: {crowd: shoppers}\n")
    with pytest.raises(PolicyError, match="must name the runbook"):
        configuration_of(tmp_path / "x.yaml")
