"""Which files of deploy/app a service needs, read from its imports: so an edit restarts only those who use it."""

import ast
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
APP = DEPLOY / "app"


def needed_by(files: Set[Path]) -> set[Path]:
    """These files and every one of ours that they import, and the packages around them."""
    found: set[Path] = set()
    left = list(files)
    while left:
        file = left.pop()
        if file not in found:
            found.add(file)
            left += [folder / "__init__.py" for folder in _packages(file)]
            left += _files(_imported(file)) if file.suffix == ".py" else []
    return found


def _packages(file: Path) -> Iterable[Path]:
    return (folder for folder in file.parents if APP in folder.parents and (folder / "__init__.py").exists())


def _imported(file: Path) -> Iterator[str]:
    """Full names of what it imports; `from a import b` may name a module of a, or something in it."""
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            # One dot is the package that the file is in.
            around = file.relative_to(APP).parts[: -node.level] if node.level else ()
            whole = ".".join([*around, *([node.module] if node.module else [])])
            yield whole
            yield from (f"{whole}.{name.name}" for name in node.names)


def _files(modules: Iterable[str]) -> Iterator[Path]:
    for module in modules:
        stem = APP / module.replace(".", "/")
        yield from (f for f in (stem.with_suffix(".py"), stem / "__init__.py") if module and f.exists())
