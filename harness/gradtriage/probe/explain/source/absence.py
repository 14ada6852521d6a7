"""Assertions that a gradient be missing or zero: who writes one does not miss it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator

from gradtriage.probe.explain.source.sites import Site
from gradtriage.probe.explain.source.syntax import called_name, statement_at, statements_after

MISSING, ZERO = "missing", "zero"
_SMALL = 1e-6
_Subject = Callable[[ast.expr], bool]
_EQUALITIES = frozenset(
    {
        "equal", "allclose", "isclose", "assert_close", "assert_allclose", "assert_equal", "assertEqual",
        "assert_array_equal", "assert_array_almost_equal",
    }
)  # fmt: skip
_OF_ALL = frozenset({"all", "bool", "assertTrue"})
_OF_NONE = frozenset({"any", "count_nonzero"})
_SIZES = frozenset({"abs", "norm", "vector_norm", "sum", "max", "amax", "item", "float", "detach", "numpy", "square"})


@functools.lru_cache(maxsize=1024)  # a loop of training reads at one line again and again
def absence_asserted(read: Site) -> tuple[str, Site | None]:
    """What is asserted of a gradient at a line that reads it, or of the variable that it is given there.

    Args:
        read: The line that reads `.grad`.

    Returns:
        `missing` or `zero` with the assertion's line; empty where neither is asserted.
    """
    statement = statement_at(read)
    if statement is None:
        return "", None
    if kind := _asserts(statement, _is_grad):
        return kind, read
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        value = statement.value
        if isinstance(value, ast.Attribute) and value.attr == "grad":
            return _of_variable(read, statement, statement.targets[0].id)
    return "", None


def absences_of_results(caller: Site) -> dict[int, tuple[str, Site]]:
    """What is asserted of the results of an `autograd.grad` that are given names, by their positions.

    Args:
        caller: The line of the call.
    """
    statement = statement_at(caller)
    if not isinstance(statement, ast.Assign):
        return {}
    target, found = statement.targets[0], {}
    names = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
    if names == [target] and not (isinstance(statement.value, ast.Subscript) and _is_zero(statement.value.slice)):
        return {}
    for position, name in enumerate(names):
        if isinstance(name, ast.Name):
            kind, site = _of_variable(caller, statement, name.id)
            if site is not None:
                found[position] = kind, site
    return found


def _of_variable(read: Site, assignment: ast.stmt, name: str) -> tuple[str, Site | None]:
    """What the function asserts of a variable after it was assigned, before it is again."""

    def is_it(node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == name

    for statement in statements_after(read.file, assignment):
        if kind := _asserts(statement, is_it):
            return kind, Site(read.file, statement.lineno, read.function)
        if isinstance(statement, ast.Assign) and any(is_it(part) for part in _parts(statement.targets)):
            break
    return "", None


def _parts(targets: list[ast.expr]) -> Iterator[ast.expr]:
    return (node for target in targets for node in ast.walk(target) if isinstance(node, ast.expr))


def _is_grad(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "grad"


def _asserts(statement: ast.stmt, subject: _Subject) -> str:
    if isinstance(statement, ast.Assert):
        return _absence(statement.test, subject)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        if called_name(call) == "assertIsNone":
            return MISSING if call.args and subject(call.args[0]) else ""
        if called_name(call) == "assertFalse":
            return _nothing_of(call.args[0], subject) if call.args else ""
        return _absence(call, subject) if called_name(call).startswith("assert") else ""
    return ""


def _absence(node: ast.expr, subject: _Subject) -> str:
    """What a condition that holds says of the subject."""
    if isinstance(node, ast.BoolOp):
        kinds = [_absence(value, subject) for value in node.values]
        known = [kind for kind in kinds if kind]
        enough = any(kinds) if isinstance(node.op, ast.And) else all(kinds)
        return known[0] if enough else ""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _nothing_of(node.operand, subject)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compared(node, subject)
    if isinstance(node, ast.Call):
        return _called(node, subject)
    return ""


def _compared(node: ast.Compare, subject: _Subject) -> str:
    left, (operator,), (right,) = node.left, node.ops, node.comparators
    if isinstance(operator, ast.Is):
        return MISSING if subject(left) and isinstance(right, ast.Constant) and right.value is None else ""
    if isinstance(operator, ast.Eq):
        return ZERO if _is_size(left, subject) and _is_zero(right) else ""
    small = isinstance(right, ast.Constant) and isinstance(right.value, float) and right.value <= _SMALL
    return ZERO if isinstance(operator, (ast.Lt, ast.LtE)) and small and _is_size(left, subject) else ""


def _called(call: ast.Call, subject: _Subject) -> str:
    name = called_name(call)
    if name in _EQUALITIES:
        first, second = ([*call.args[:2], None, None])[:2]
        if isinstance(call.func, ast.Attribute) and len(call.args) == 1:
            first, second = call.func.value, call.args[0]
        pairs = [(first, second), (second, first)]
        return ZERO if any(a and b and _is_size(a, subject) and _is_zero(b) for a, b in pairs) else ""
    if name not in _OF_ALL:
        return ""
    inner = call.args[0] if call.args else call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(inner, (ast.GeneratorExp, ast.ListComp)):
        inner = inner.elt
    return "" if inner is None else _absence(inner, subject)


def _nothing_of(node: ast.expr, subject: _Subject) -> str:
    """What a condition that does not hold says: `not g.any()`, `not g.abs().sum()`."""
    if isinstance(node, ast.Call) and called_name(node) in _OF_NONE:
        node = node.args[0] if node.args else node.func.value if isinstance(node.func, ast.Attribute) else node
        return ZERO if _is_size(node, subject) else ""
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.IsNot):
        right = node.comparators[0]
        return MISSING if subject(node.left) and isinstance(right, ast.Constant) and right.value is None else ""
    return ""


def _is_size(node: ast.expr, subject: _Subject) -> bool:
    """Whether it is the subject as a whole, or what is zero only where all of it is."""
    if subject(node):
        return True
    if isinstance(node, ast.Call):
        inner = [*node.args[:1], *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
        return called_name(node) in _SIZES | _OF_NONE and any(_is_size(one, subject) for one in inner)
    return False


def _is_zero(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is not None and not isinstance(node.value, str) and node.value == 0
    if isinstance(node, (ast.List, ast.Tuple)):
        return bool(node.elts) and all(map(_is_zero, node.elts))
    if not isinstance(node, ast.Call):
        return False
    name = called_name(node)
    if name in ("tensor", "approx", "array", "as_tensor"):
        return bool(node.args) and _is_zero(node.args[0])
    return name in ("zeros", "zeros_like", "new_zeros")
