"""The example on each probe's page holds on the drill cluster."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from workbench import POLICY, TARGET

from rundrill.errors import NoEvidence
from rundrill.harness import open_harness
from rundrill.judge.state import judge_state
from rundrill.measure import ask
from rundrill.promise import Promise
from rundrill.session import Session, open_session
from rundrill.verdict import Outcome

pytestmark = [pytest.mark.cluster, pytest.mark.apart]

PAGES = sorted((Path(__file__).parents[2] / "docs" / "promises" / "probes").glob("*.md"))


def example(page: Path) -> tuple[str, Promise]:
    """The platform that a page's example is about, and the example as a promise."""
    ((slug, text),) = re.findall(r"^```yaml ([\w-]+)\n(.*?)^```$", page.read_text(), re.M | re.S)
    said = {"id": f"{slug}.page.{page.stem}", "says": page.stem, "source": "its page", "gate": "must"}
    return slug, Promise.model_validate(said | {"state": yaml.safe_load(text)})


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A session beside the report of an earlier run, which one of the examples asks for."""
    runs = tmp_path_factory.mktemp("runs")
    asked = ["aic-aipaas.cache.ping"]
    harness = open_harness(POLICY, TARGET, str(runs / "earlier"), None, False, None, asked, [])
    with harness.session:
        with contextlib.suppress(NoEvidence):
            harness.evidence(harness.session.policy.promise(asked[0]))
        harness.finish(interrupted=False)
    with open_session(POLICY, TARGET, runs / "now") as opened:
        yield opened


EACH = [pytest.param(page, id=page.stem, marks=pytest.mark.on(example(page)[0])) for page in PAGES]


@pytest.mark.parametrize("page", EACH)
def test_the_example_holds(page: Path, session: Session) -> None:
    slug, promise = example(page)
    assert promise.state is not None
    if slug not in session.target.entry.platforms:
        pytest.skip(f"{slug} is not on this target")
    _, (seen, _) = ask(promise.state.probe, session, slug)
    verdict = judge_state(promise, seen)
    assert verdict.outcome is Outcome.MET, verdict.reason
