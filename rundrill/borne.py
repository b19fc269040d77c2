"""Which labels the series of a PromQL expression bear, as far as its text tells; no server is asked.

An alert waits (`for`) for each series by itself. Where `or` joins sides whose series bear different labels, the wait
begins anew when one side takes over from the other, and the page is later than promised.
"""

from typing import Any

from rundrill.promql import syntax

NONE: frozenset[str] = frozenset()
_COMPARED = frozenset({"==", "!=", ">", "<", ">=", "<="})
_KEEPS_FEWER = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
"""Aggregations that pass whole series on."""
_ABSENT = frozenset({"absent", "absent_over_time"})
_NUMBERS = frozenset({"time", "scalar", "pi"})
"""Functions that give a number and no series."""

type Labels = frozenset[str]


def uneven(expression: str) -> tuple[str, ...]:
    """The sides of its outermost `or` with their labels, where two of them are known and differ; else empty."""
    sides = _sides(syntax.parse(expression))
    known = [(side, labels) for side in sides if (labels := borne(side)) is not None]
    if len({labels for _, labels in known}) < 2:
        return ()
    return tuple(f"{_shown(labels)} by {' '.join(str(side).split())}" for side, labels in known)


def borne(tree: Any) -> Labels | None:
    """The labels of the series of a syntax tree; None where only a server could tell."""
    match tree:
        case syntax.ParenExpr() | syntax.UnaryExpr():
            return borne(tree.expr)
        case syntax.NumberLiteral():
            return NONE
        case syntax.AggregateExpr():
            return _aggregated(tree)
        case syntax.Call():
            return _called(tree)
        case syntax.BinaryExpr():
            return _joined(tree)
    return None


def _sides(tree: Any) -> list[Any]:
    while isinstance(tree, syntax.ParenExpr):
        tree = tree.expr
    if isinstance(tree, syntax.BinaryExpr) and str(tree.op) == "or":
        return [*_sides(tree.lhs), *_sides(tree.rhs)]
    return [tree]


def _aggregated(tree: Any) -> Labels | None:
    if str(tree.op) in _KEEPS_FEWER:
        return None
    if tree.modifier is None:
        return NONE
    return frozenset(tree.modifier.labels) if str(tree.modifier.type).endswith("By") else None


def _called(tree: Any) -> Labels | None:
    """`absent` bears what its selector asks to be equal, once; nothing where it asks about a calculation."""
    if tree.func.name in {*_NUMBERS, "vector"}:
        return NONE
    if tree.func.name not in _ABSENT:
        return None
    asked = getattr(tree.args[0], "vector_selector", tree.args[0])
    if not isinstance(asked, syntax.VectorSelector):
        return NONE
    named = [one.name for one in asked.matchers.matchers]
    equal = {one.name for one in asked.matchers.matchers if str(one.op).endswith("Equal")}
    return frozenset(name for name in equal - {"__name__"} if named.count(name) == 1)


def _joined(tree: Any) -> Labels | None:
    """A comparison passes its left side on, and arithmetic what both sides bear; `on` and its kin are for a server."""
    left, right = borne(tree.lhs), borne(tree.rhs)
    if _is_number(tree.rhs) or (str(tree.op) in _COMPARED and tree.modifier is None):
        return left
    if _is_number(tree.lhs):
        return right
    return left if left == right else None


def _is_number(tree: Any) -> bool:
    while isinstance(tree, syntax.ParenExpr | syntax.UnaryExpr):
        tree = tree.expr
    if isinstance(tree, syntax.BinaryExpr):
        return _is_number(tree.lhs) and _is_number(tree.rhs)
    return isinstance(tree, syntax.NumberLiteral) or (
        isinstance(tree, syntax.Call) and tree.func.name in _NUMBERS
    )


def _shown(labels: Labels) -> str:
    return f"{{{', '.join(sorted(labels))}}}" if labels else "no label"
