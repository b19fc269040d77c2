"""Every word of a probe has a page: its parameters, and an example that can be read."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from rundrill.probe import Probe
from rundrill.promise import Question

PAGES = Path(__file__).parents[2] / "docs" / "promises" / "probes"
WORDS = {field.alias or name: name for name, field in Probe.model_fields.items()}


def model_of(word: str) -> type[BaseModel]:
    annotation = Probe.model_fields[WORDS[word]].annotation
    return next(part for part in annotation.__args__ if part is not type(None))  # type: ignore[union-attr]


def test_every_word_has_a_page_and_every_page_a_word() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == set(WORDS)


@pytest.mark.parametrize("word", WORDS)
def test_the_example_asks_with_that_word(word: str) -> None:
    (text,) = re.findall(r"^```yaml [\w-]+\n(.*?)^```$", (PAGES / f"{word}.md").read_text(), re.M | re.S)
    assert Question.model_validate(yaml.safe_load(text)).probe.word == WORDS[word]


@pytest.mark.parametrize("word", WORDS)
def test_the_page_names_every_parameter(word: str) -> None:
    said = set(re.findall(r"^\| `([^`]+)` \|", (PAGES / f"{word}.md").read_text(), re.M))
    assert {field.alias or name for name, field in model_of(word).model_fields.items()} <= said


@pytest.mark.parametrize("word", WORDS)
def test_the_example_expects_facts_that_the_page_names(word: str) -> None:
    page = (PAGES / f"{word}.md").read_text()
    (text,) = re.findall(r"^```yaml [\w-]+\n(.*?)^```$", page, re.M | re.S)
    facts = set(re.findall(r"^\| `([^`]+)` \|", page.partition("| fact |")[2], re.M))
    free = any(fact.startswith("<") for fact in facts)
    assert free or set(yaml.safe_load(text)["expect"]) <= facts
