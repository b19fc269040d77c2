"""What the pages name is there: files, commands, experiments, modules, dependencies."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from rundrill.cli import _parser

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DEPENDENCIES = ROOT / "docs" / "decisions" / "0002-dependencies.md"
PACKAGE_OF = {
    "yaml": "pyyaml",
    "testinfra": "pytest-testinfra",
    "kafka": "kafka-python",
    "websocket": "websocket-client",
}


def each_page() -> list[object]:
    return [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES]


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def spoken(page: Path) -> str:
    """What of a page is code: blocks, and words in backticks."""
    text = page.read_text()
    return "\n".join(re.findall(r"^```.*?^```", text, re.M | re.S) + re.findall(r"`[^`\n]+`", text))


@cache
def said_by_help(command: str) -> str:
    called = [sys.executable, "-m", "rundrill.cli", command, "--help"]
    return subprocess.run(called, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def commands() -> set[str]:
    return set(re.findall(r"^    ([a-z]+)(?: |$)", _parser().format_help(), re.M))


@pytest.mark.parametrize("page", each_page())
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), f"{page.name} links to {link}"
        if heading:
            headings = re.findall(r"^#+ (.+)$", there.read_text(), re.M)
            assert heading in map(anchor, headings), f"{page.name} links to {link}"


@pytest.mark.parametrize("page", each_page())
def test_every_command_on_a_page_is_built(page: Path) -> None:
    words = re.findall(r"(?:^|[`/ ])rundrill ((?:[a-z]+)(?: (?!\|)[^`#\n|]*)?)", spoken(page), re.M)
    for word in words:
        command, *rest = word.split()
        assert command in commands(), f"{page.name}: rundrill {word}"
        for option in re.findall(r"--[a-z-]+", " ".join(rest)):
            assert option in said_by_help(command), f"{page.name}: rundrill {word}"


@pytest.mark.parametrize("page", each_page())
def test_every_make_target_on_a_page_is_one(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    for word in re.findall(r"(?:^|`)make ([a-z-]+)", spoken(page), re.M):
        assert word in targets, f"{page.name}: make {word}"


@pytest.mark.parametrize("page", each_page())
def test_every_script_on_a_page_is_there(page: Path) -> None:
    for path in re.findall(
        r"\b(?:tests|deploy|experiments|loadtests|rundrill)/[\w./-]+\.\w+", page.read_text()
    ):
        assert (ROOT / path).exists(), f"{page.name}: {path}"


@pytest.mark.parametrize("page", each_page())
def test_no_page_knows_the_machine_it_was_written_on(page: Path) -> None:
    assert not re.findall(r"/(?:work|root|home|tmp)/[\w.]+", page.read_text())


def test_every_experiment_is_on_the_page_and_none_else() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs" / "catalogue.md").read_text(), re.M)
    assert sorted(rows) == sorted(path.stem for path in (ROOT / "experiments").glob("*.yaml"))


def test_the_tree_names_every_module() -> None:
    tree = (ROOT / "docs" / "architecture.md").read_text()
    inside = [path for path in (ROOT / "rundrill").iterdir() if not path.name.startswith((".", "__"))]
    missing = [
        path.name
        for path in inside
        if not re.search(rf"(?<!\w){re.escape(path.name)}{'/' if path.is_dir() else ''}(?!\w)", tree)
    ]
    assert not missing
    files = re.findall(r"^  ((?:\w+\.py ?)+)", tree, re.M)
    assert all((ROOT / "rundrill" / name).exists() for line in files for name in line.split())


def test_decisions_are_numbered_one_after_another() -> None:
    numbers = [path.name[:4] for path in DECISIONS]
    assert numbers == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    for path in DECISIONS:
        assert path.read_text().startswith(f"# {path.name[:4]}: "), path.name


def test_every_decision_says_context_choice_and_cost() -> None:
    for path in DECISIONS:
        if path != DEPENDENCIES:
            assert re.findall(r"^\*\*(\w+)\.\*\*", path.read_text(), re.M) == ["Context", "Choice", "Cost"]


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    words = set(re.findall(r"[\w-]+", DEPENDENCIES.read_text()))
    for listed in (project["dependencies"], *project["optional-dependencies"].values()):
        for dependency in listed:
            name = re.match(r"[\w-]+", dependency)
            assert name and name[0] in words, dependency


def test_every_foreign_module_that_is_imported_has_a_reason() -> None:
    words = set(re.findall(r"[\w-]+", DEPENDENCIES.read_text()))
    ours = {"rundrill", "conftest", "checks", "benchmarks"} | {
        path.stem for path in ROOT.glob("loadtests/*.py")
    }
    for path in [*ROOT.glob("rundrill/**/*.py"), *ROOT.glob("loadtests/*.py"), ROOT / "conftest.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for module in {name.partition(".")[0] for name in names} - ours - sys.stdlib_module_names:
                spellings = {module, module.replace("_", "-"), PACKAGE_OF.get(module, module)}
                assert spellings & words, f"{path.relative_to(ROOT)} imports {module}"


@pytest.mark.parametrize("command", sorted(commands()))
def test_help_says_what_a_command_does_within_80_columns(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = said_by_help(command)
    assert said.startswith(f"usage: rundrill {command}")
    assert not [line for line in said.splitlines() if len(line) > 80]


def test_the_overview_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert not [line for line in _parser().format_help().splitlines() if len(line) > 80]


def test_make_help_fits_80_columns() -> None:
    said = subprocess.run(["make", "help"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    lines = [line for line in said.splitlines() if not line.startswith("make")]
    assert len(lines) > 10
    assert not [line for line in lines if len(line) > 80]
