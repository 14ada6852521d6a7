"""The statements of a file: the one at a line, those around it, those after it."""

from __future__ import annotations

import ast
import functools
import tokenize
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradtriage.probe.explain.source.sites import Site


def statement_at(site: Site) -> ast.stmt | None:
    """The innermost statement around a line."""
    around = _around(site.file, site.line)
    return max(around, key=lambda one: one.lineno, default=None)


def conditions_around(site: Site) -> list[ast.expr]:
    """What has to hold, or not to hold, for a line to be reached, of the `if` statements that it is in."""
    return [one.test for one in _around(site.file, site.line) if isinstance(one, ast.If) and one.lineno < site.line]


def statements_after(file: str, first: ast.stmt) -> list[ast.stmt]:
    """The statements of a function after one of them, inner ones too."""
    functions = [
        one
        for one in _statements(file)
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))
        and one.lineno <= first.lineno <= (one.end_lineno or one.lineno)
    ]
    if not functions:
        return []
    inner: list[Any] = [
        node for node in ast.walk(max(functions, key=lambda one: one.lineno)) if isinstance(node, ast.stmt)
    ]
    return sorted((one for one in inner if one.lineno > first.lineno), key=lambda one: one.lineno)


@functools.lru_cache(maxsize=64)
def _statements(file: str) -> tuple[ast.stmt, ...]:
    try:
        with tokenize.open(file) as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.stmt))


def _around(file: str, line: int) -> list[ast.stmt]:
    return [one for one in _statements(file) if one.lineno <= line <= (one.end_lineno or one.lineno)]
