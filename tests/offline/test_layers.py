"""The arrows of docs/architecture.md: who may import whom, read from the sources."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "rundrill").rglob("*.py"))
}

WORLD = ("rundrill.gateway", "rundrill.session", "rundrill.measure", "rundrill.faults", "rundrill.restore")
END = (
    "rundrill.harness",
    "rundrill.cli",
    "rundrill.cli_checks",
    "rundrill.cli_cluster",
    "rundrill.cli_policy",
    "rundrill.report",
    "rundrill.defects",
)

FORBIDDEN = {
    # Types and arithmetic know nothing of any server, and judge nothing.
    "rundrill.units": ("rundrill",),
    "rundrill.errors": ("rundrill",),
    "rundrill.evidence": (*WORLD, *END, "rundrill.judge", "rundrill.policy"),
    "rundrill.promise": (*WORLD, *END, "rundrill.judge", "rundrill.policy"),
    "rundrill.policy": (*WORLD, *END, "rundrill.judge"),
    "rundrill.judge": (*WORLD, *END, "rundrill.run"),
    "rundrill.generate": (*WORLD, *END, "rundrill.judge"),
    "rundrill.selection": (*WORLD, *END, "rundrill.judge"),
    "rundrill.report": (*WORLD, "rundrill.harness", "rundrill.cli", "rundrill.defects"),
    # Whoever touches the world has no opinion about it.
    "rundrill.gateway": (*WORLD[1:], *END, "rundrill.judge", "rundrill.policy", "rundrill.cluster"),
    "rundrill.session": (*WORLD[2:], *END, "rundrill.judge"),
    "rundrill.measure": (*END, "rundrill.judge"),
    "rundrill.faults": (*END, "rundrill.judge", "rundrill.restore"),
    "rundrill.restore": (*END, "rundrill.judge", "rundrill.measure", "rundrill.faults"),
    "rundrill.cluster": (*WORLD, *END, "rundrill.judge", "rundrill.policy"),
}

ONE_FILE = {
    "kubernetes": "rundrill.gateway.apiserver",
    "prometheus_api_client": "rundrill.gateway.prometheus",
    "psycopg": "rundrill.gateway.postgres",
    "redis": "rundrill.gateway.redis",
    "testinfra": "rundrill.gateway.testinfra",
    "promql_parser": "rundrill.promql",
    "kafka": "rundrill.gateway.kafka",
    "cryptography": "rundrill.gateway.tls",
    "websocket": "rundrill.gateway.streams",
}


def imports(path: Path, everywhere: bool = True) -> Iterator[str]:
    """Every module that a file imports, with the names it takes from it; only at its top level where asked."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


@pytest.mark.parametrize("package", FORBIDDEN)
def test_arrows_point_one_way(package: str) -> None:
    backward = [
        f"{module} imports {name}"
        for module, path in ENGINE.items()
        if within(module, package)
        for name in imports(path)
        for forbidden in FORBIDDEN[package]
        if within(name, forbidden) and not within(name, package)
    ]
    assert not backward


@pytest.mark.parametrize("library", ONE_FILE)
def test_a_client_library_is_imported_in_one_file(library: str) -> None:
    users = {
        module for module, path in ENGINE.items() if any(within(name, library) for name in imports(path))
    }
    assert users == {ONE_FILE[library]}


def test_requests_is_imported_only_where_http_is_spoken() -> None:
    """The Prometheus transport raises errors of requests, so its gateway must know them."""
    users = {
        module for module, path in ENGINE.items() if any(within(name, "requests") for name in imports(path))
    }
    assert users == {"rundrill.gateway.http", "rundrill.gateway.prometheus"}


def test_one_source_does_not_import_another() -> None:
    siblings = [
        f"{module} imports {name}"
        for module, path in ENGINE.items()
        if within(module, "rundrill.measure") and module != "rundrill.measure"
        for name in imports(path)
        if within(name, "rundrill.measure") and not within(name, module) and name in ENGINE
    ]
    assert siblings in ([], ["rundrill.measure.chaos imports rundrill.measure.load"])


def test_locust_stays_in_its_own_process() -> None:
    """It patches sockets, threads and subprocesses of whoever imports it."""
    files = [*ENGINE.values(), ROOT / "conftest.py", *(ROOT / "checks").glob("*.py")]
    assert not [path for path in files if any(within(name, "locust") for name in imports(path))]


@pytest.mark.parametrize("folder", ["checks", "loadtests"])
def test_checks_and_crowds_import_nothing_of_ours(folder: str) -> None:
    files = sorted((ROOT / folder).glob("*.py"))
    assert files
    assert not [path for path in files if any(within(name, "rundrill") for name in imports(path))]


def test_no_module_imports_itself_by_a_detour() -> None:
    known = {
        # A module may take a neighbour out of its own package: that is no detour.
        module: {n for n in imports(path, everywhere=False) if n in ENGINE and not within(module, n)}
        for module, path in ENGINE.items()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in done:
            for name in known[module]:
                visit(name, (*trail, module))
            done.add(module)

    for module in known:
        visit(module, ())


def test_there_is_no_broad_except_outside_the_command() -> None:
    guilty = [
        module
        for module, path in ENGINE.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") == "Exception")
        and module != "rundrill.cli"
    ]
    assert not guilty
