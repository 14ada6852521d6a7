"""The statements of a file: the one at a line, those around it, those after it."""

from __future__ import annotations

import ast
import functools
import tokenize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtriage.probe.explain.source.sites import Site


def statement_at(site: Site) -> ast.stmt | None:
    """The innermost statement around a line."""
    around = _around(site.file, site.line)
    return max(around, key=lambda one: one.lineno, default=None)


def conditions_around(site: Site) -> list[ast.expr]:
    """What has to hold, or not to hold, for a line to be reached, of the `if` statements that it is in."""
    return [one.test for one in _around(site.file, site.line) if isinstance(one, ast.If) and one.lineno < site.line]


def called_name(node: ast.AST) -> str:
    """The name of the function or method that is called; empty for what is no call, or of no name."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def statements_after(file: str, first: ast.stmt) -> list[ast.stmt]:
    """The statements of a function after one of them, inner ones too."""
    functions = [
        one
        for one in statements_of_file(file)
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))
        and one.lineno <= first.lineno <= (one.end_lineno or one.lineno)
    ]
    if not functions:
        return []
    innermost = max(functions, key=lambda one: one.lineno)
    inner = [node for node in ast.walk(innermost) if isinstance(node, ast.stmt) and node.lineno > first.lineno]
    return sorted(inner, key=lambda one: one.lineno)


@functools.lru_cache(maxsize=64)
def statements_of_file(file: str) -> tuple[ast.stmt, ...]:
    """All statements of a file, inner ones too; none where it cannot be read or parsed."""
    try:
        with tokenize.open(file) as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.stmt))


def _around(file: str, line: int) -> list[ast.stmt]:
    return [one for one in statements_of_file(file) if one.lineno <= line <= (one.end_lineno or one.lineno)]
