"""Wiring of `pytest checks --target kube://…`: options, fixtures and the report; nothing is measured or judged here."""

import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rundrill.errors import NoEvidence, RundrillError
from rundrill.evidence import Evidence
from rundrill.promise import Promise
from rundrill.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from rundrill.harness import Harness

HARNESS = pytest.StashKey["Harness"]()
CHECKS = Path(__file__).parent / "checks"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The words of a run."""
    group = parser.getgroup("rundrill")
    group.addoption("--target", metavar="URL", help="where to measure, such as kube://rundrill")
    group.addoption("--policy", default="slo.yaml", metavar="FILE", help="default: slo.yaml")
    group.addoption("--profile", metavar="NAME", help="default: the one that the policy gives the target")
    group.addoption("--disruptive", action="store_true", help="run faults, load and restores too")
    group.addoption("--gameday", metavar="NAME", help="run the faults, load and restores of this game day")
    group.addoption(
        "--only", action="append", default=[], metavar="NAME", help="a promise's id, or what proves it"
    )
    group.addoption(
        "--runbook", action="append", default=[], metavar="SLUG", help="only promises of this runbook"
    )
    group.addoption(
        "--at-once", type=int, default=3, metavar="N", help="experiments side by side (default: 3)"
    )
    group.addoption("--run-dir", metavar="DIR", help="default: reports/<UTC time>")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Opens the target before anything is collected, and puts every file of the run into one folder."""
    if config.getoption("--target") is None:
        if any(_is_check(config, argument) for argument in config.args):
            raise pytest.UsageError(
                "checks measure a cluster: say --target kube://… (such as kube://rundrill)"
            )
        return
    try:
        config.stash[HARNESS] = harness = _open(config)
    except RundrillError as error:
        sys.stderr.write(f"{error}\n")
        pytest.exit("nothing was touched", returncode=error.exit_code)
    config.add_cleanup(harness.session.close)
    # A cancelled job must undo and report as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = config.option
    options.xmlpath = options.xmlpath or str(harness.directory / "junit.xml")
    options.htmlpath = options.htmlpath or str(harness.directory / "pytest.html")
    options.self_contained_html = True
    # The report's own summary says it all, once; `--tb` and `-r` bring pytest's back.
    options.tbstyle = "no" if options.tbstyle == "auto" else options.tbstyle
    options.reportchars = "" if options.reportchars == "fE" else options.reportchars


def _open(config: pytest.Config) -> "Harness":
    # Here and not above: a bare `pytest` needs no client of any server.
    from rundrill.harness import open_harness

    names = (
        "--target",
        "--run-dir",
        "--profile",
        "--disruptive",
        "--gameday",
        "--only",
        "--runbook",
        "--at-once",
    )
    return open_harness(Path(config.getoption("--policy")), *(config.getoption(name) for name in names))


def _is_check(config: pytest.Config, argument: str) -> bool:
    path = (config.invocation_params.dir / argument.partition("::")[0]).resolve()
    return path == CHECKS or CHECKS in path.parents


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Keeps a run without a target off the checks."""
    return True if collection_path == CHECKS and HARNESS not in config.stash else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One case a promise, by the promise's id."""
    harness = metafunc.config.stash.get(HARNESS, None)
    if harness is None or "evidence" not in metafunc.fixturenames:
        return
    for check in metafunc.fixturenames:
        if promises := harness.promises(check):
            metafunc.parametrize(check, [_case(harness, promise) for promise in promises])


def _case(harness: "Harness", promise: Promise) -> Any:
    marks = []
    if why := harness.why_not(promise):
        marks.append(pytest.mark.skip(reason=why.says))
    if waiver := harness.waiver(promise):
        marks.append(pytest.mark.xfail(reason=waiver, strict=True, raises=AssertionError))
    return pytest.param(promise, id=promise.id, marks=marks)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what was not asked for, and puts what only reads before what disturbs."""
    harness = config.stash.get(HARNESS, None)
    if harness is None:
        return
    cases = [(item, promise) for item in items if (promise := _promise(item))]
    config.hook.pytest_deselected(items=[item for item, promise in cases if harness.left_out(promise)])
    kept = [(item, promise) for item, promise in cases if not harness.left_out(promise)]
    items[:] = [item for item, _ in sorted(kept, key=lambda case: harness.order(case[1]))]


def pytest_runtestloop(session: pytest.Session) -> None:
    """Lets what only reads be measured together, and what takes long be told."""
    harness = session.config.stash.get(HARNESS, None)
    if harness and not session.config.option.collectonly:
        harness.say = partial(_say, session.config)
        harness.ahead([promise for item in session.items if (promise := _promise(item))])


def _say(config: pytest.Config, line: str) -> None:
    """A line of progress, past pytest's capturing."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        if reporter._tw.width_of_current_line:
            reporter.write_line("")
        reporter.write_line(f"{datetime.now(UTC):%H:%M:%S} {line}")


def _promise(item: pytest.Item) -> Promise | None:
    """The promise that a case is about."""
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return next((value for value in values if isinstance(value, Promise)), None)


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """What was seen of the promise at hand; an error (UNKNOWN) where nothing was that could be judged."""
    harness, promise = request.config.stash[HARNESS], _promise(request.node)
    assert promise is not None
    seen = harness.evidence(promise)
    verdict = harness.verdict(promise)
    if verdict.outcome is Outcome.NOT_RUN:
        pytest.skip(verdict.reason)
    return seen


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Callable[[Promise, Evidence], Verdict]:
    """Judges a promise by its evidence, in this run's time profile."""
    return request.config.stash[HARNESS].judge


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Shows a verdict's reason and nothing else in junit.xml and pytest.html; what is no verdict keeps its traceback."""
    report = yield
    if HARNESS in item.config.stash and report.failed and call.excinfo and _is_verdict(call.excinfo.value):
        report.longrepr = str(call.excinfo.value).partition("\nassert ")[0]
    return report


def _is_verdict(error: BaseException) -> bool:
    return isinstance(error, AssertionError | NoEvidence)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Writes the report, after Ctrl-C too."""
    harness = session.config.stash.get(HARNESS, None)
    if harness and not session.config.option.collectonly:
        # An impatient second Ctrl-C must not cost the report.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        harness.finish(interrupted=exitstatus == pytest.ExitCode.INTERRUPTED)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Prints the run as the report has it."""
    harness = config.stash.get(HARNESS, None)
    for line in harness.summary(terminalreporter._tw.fullwidth) if harness else ():
        terminalreporter.write_line(line)
