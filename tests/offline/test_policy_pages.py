"""What the pages show of a promise is what the policy says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from rundrill.defect import WAYS, Defect, Defects
from rundrill.frontpage import Attestations, FrontPage
from rundrill.policy import load_policy
from rundrill.promise import KINDS, Promise
from rundrill.runbook import Runbook

ROOT = Path(__file__).parents[2]
PROBES = sorted((ROOT / "docs" / "promises" / "probes").glob("*.md"))
DEFECTS = ROOT / "docs" / "defects.md"
PAGES = [ROOT / "docs" / "policy.md", *(ROOT / "docs" / "promises" / f"{kind}.md" for kind in KINDS)]


def blocks(page: Path, word: str = "") -> list[Any]:
    return [
        yaml.safe_load(text)
        for text in re.findall(rf"^```yaml ?{word}\n(.*?)^```$", page.read_text(), re.M | re.S)
    ]


def written(slug: str) -> dict[str, Any]:
    runbook = yaml.safe_load((ROOT / "runbooks" / f"{slug}.yaml").read_text())
    return {promise["id"]: promise for promise in runbook["promises"]} | {"indicators": runbook["indicators"]}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_an_example_is_a_promise_of_the_policy(page: Path) -> None:
    (examples,) = blocks(page)
    ours = written("aic-aipaas")
    for example in examples:
        Promise.model_validate(example)
        assert example.items() <= ours[example["id"]].items()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_page_with_an_example_of_it(kind: str) -> None:
    (examples,) = blocks(ROOT / "docs" / "promises" / f"{kind}.md")
    assert all(kind in example for example in examples)


def test_the_indicator_on_the_page_is_the_policys() -> None:
    (shown,) = blocks(ROOT / "docs" / "promises" / "objective.md", "indicators")
    for name, indicator in shown.items():
        assert indicator.items() <= written("aic-aipaas")["indicators"][name].items()


def test_the_record_on_the_page_is_one() -> None:
    (shown,) = blocks(ROOT / "docs" / "promises" / "attestation.md", "record")
    assert Attestations.model_validate(shown).records


def test_the_page_of_defects_has_an_example_of_each_way() -> None:
    rows = [Defect.model_validate(row) for block in blocks(DEFECTS) for row in block]
    assert sorted(row.way for row in rows) == sorted(WAYS)
    assert list(load_policy(ROOT / "tests" / "policies" / "good" / "slo.yaml").defects) == rows


def test_our_policy_holds_at_least_45_clauses_of_every_kind() -> None:
    policy = load_policy(ROOT / "slo.yaml")
    ids = [promise.id for promise in policy.promises]
    assert len(ids) >= 45
    assert {promise.kind for promise in policy.promises} == set(KINDS)


def test_our_policy_has_no_invented_signatures() -> None:
    assert load_policy(ROOT / "slo.yaml").records == ()


def test_every_promise_is_one_sentence_that_can_be_read_aloud() -> None:
    for promise in load_policy(ROOT / "slo.yaml").promises:
        assert not promise.says.endswith("."), promise.id
        assert len(promise.says) <= 120, promise.id


def models(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A type of the policy's files, and every type below it."""
    yield root
    for field in root.model_fields.values():
        for part in parts(field.annotation):
            yield from models(part)


def parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from parts(inner)


@pytest.mark.parametrize("file", [FrontPage, Runbook, Attestations, Defects])
def test_every_key_of_the_policy_is_on_a_page(file: type[BaseModel]) -> None:
    pages = "".join(page.read_text() for page in (*PAGES, *PROBES, DEFECTS))
    shown = set(re.findall(r"[\w-]+", " ".join(re.findall(r"`[^`\n]+`", pages))))
    shown |= set(re.findall(r"\b([\w-]+):", "".join(re.findall(r"^```yaml.*?^```", pages, re.M | re.S))))
    for model in models(file):
        for name, field in model.model_fields.items():
            assert (field.alias or name) in shown, f"{model.__name__}.{name}"
