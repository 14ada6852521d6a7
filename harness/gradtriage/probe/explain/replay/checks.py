"""Checks that the real run passes and a replay may not: a value was changed, and an assertion is about values.

Such a statement is passed over in the replays to come. It is evaluated as before, so that all other code sees the same
values and the same random numbers; only what it raises is dropped.
"""

from __future__ import annotations

import ast
import functools
import gc
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType

import torch

from gradtriage.probe.explain.source.syntax import called_name, statements_of_file
from gradtriage.probe.frames import MACHINERY, RUNNER, kind_of

_DISTRIBUTIONS = "torch/distributions/"
_CodeKey = tuple[str, int]


@dataclass(frozen=True)
class Check:
    """A statement that raised in a replay; line 0 of torch's distributions stands for their validation."""

    file: str
    line: int


def checks_of(error: BaseException) -> tuple[Check, ...]:
    """The check that failed: an `assert`, a call of an assertion function, a `raise` under an `if`.

    Args:
        error: What ended the body.

    Returns:
        The statements each of which could be passed over, the innermost first; none where the body failed otherwise.
    """
    walked = traceback.walk_tb(error.__traceback__)
    frames = [Check(frame.f_code.co_filename, line) for frame, line in walked]
    if frames and _DISTRIBUTIONS in frames[-1].file.replace("\\", "/"):
        return (Check(_DISTRIBUTIONS, 0),)
    checks = []
    asserting = isinstance(error, AssertionError) or type(error).__name__ == "Failed"  # `pytest.fail`
    for frame in reversed(frames):
        kind = kind_of(frame.file)
        if kind is RUNNER:
            break
        found = None if kind is MACHINERY else _statement_at(frame)
        asserted = asserting and isinstance(found, (ast.Assert, ast.Expr))
        if asserted or (frame is frames[-1] and isinstance(found, ast.Raise) and isinstance(error, Exception)):
            checks.append(frame)
    return tuple(checks)


class PassedOver:
    """The checks that are passed over, in functions that are alive in this process."""

    def __init__(self) -> None:
        self._checks: set[Check] = set()
        self._codes: dict[str, list[tuple[FunctionType, CodeType]]] = {}

    def add(self, failures: Iterable[Sequence[Check]]) -> bool:
        """Passes over the first check of each failure that can be; False where that is none, or nothing new."""
        added = [self._add_one_of(checks) for checks in failures]
        return any(added)

    def _add_one_of(self, checks: Sequence[Check]) -> bool:
        return any(self._add(check) for check in checks if check not in self._checks)

    def _add(self, check: Check) -> bool:
        self._checks.add(check)
        if not check.line:
            return True
        lines = {one.line for one in self._checks if one.file == check.file}
        codes = _codes(_tree_without(check.file, lines), check.file)
        self._codes[check.file] = _changed_functions(check.file, codes)
        return bool(self._codes[check.file])

    def hold(self) -> None:
        """For the rest of this process, which is a child, the checks raise nothing."""
        if any(check.file == _DISTRIBUTIONS for check in self._checks):
            torch.distributions.Distribution.set_default_validate_args(False)
        for function, code in (one for codes in self._codes.values() for one in codes):
            function.__code__ = code


def _changed_functions(file: str, codes: Mapping[_CodeKey, CodeType]) -> list[tuple[FunctionType, CodeType]]:
    found = []
    for one in gc.get_objects():
        if type(one) is FunctionType and one.__code__.co_filename == file:
            code = codes.get((one.__code__.co_qualname, one.__code__.co_firstlineno))
            if code is not None and code.co_freevars == one.__code__.co_freevars:
                found.append((one, code))
    return found


def _codes(tree: ast.Module, file: str) -> dict[_CodeKey, CodeType]:
    waiting, found = [compile(tree, file, "exec", dont_inherit=True)], {}
    while waiting:
        code = waiting.pop()
        found[code.co_qualname, code.co_firstlineno] = code
        waiting += [one for one in code.co_consts if isinstance(one, CodeType)]
    return found


def _tree_without(file: str, lines: set[int]) -> ast.Module:
    tree = ast.parse(_text(file))
    _PassingOver(lines).visit(tree)
    return ast.fix_missing_locations(tree)


class _PassingOver(ast.NodeTransformer):
    """Statements at some lines raise nothing."""

    def __init__(self, lines: set[int]) -> None:
        self._lines = lines

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        return self._tried(node, ast.copy_location(ast.If(node.test, [ast.Pass()], []), node))

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        return self._tried(node, node)

    def visit_Raise(self, node: ast.Raise) -> ast.stmt:
        return ast.copy_location(ast.Pass(), node) if _covers(node, self._lines) else node

    def _tried(self, node: ast.stmt, instead: ast.stmt) -> ast.stmt:
        if not _covers(node, self._lines):
            return node
        handler = ast.ExceptHandler(ast.Name("BaseException", ast.Load()), None, [ast.Pass()])
        # `pytest.fail` raises no assertion error
        if not isinstance(node, ast.Expr) or called_name(node.value) != "fail":
            handler.type = ast.Name("AssertionError", ast.Load())
        return ast.copy_location(ast.Try([instead], [handler], [], []), node)


def _covers(node: ast.stmt, lines: set[int]) -> bool:
    return any(node.lineno <= line <= (node.end_lineno or node.lineno) for line in lines)


def _statement_at(place: Check) -> ast.stmt | None:
    """The check that a line belongs to; None where it is no such statement."""
    return next((one for one in _checks_in(place.file) if _covers(one, {place.line})), None)


@functools.lru_cache(maxsize=64)
def _checks_in(file: str) -> tuple[ast.stmt, ...]:
    """Assertions, calls for their own sake, and what is raised under a condition."""
    nodes = statements_of_file(file)
    guarded = [one for node in nodes if isinstance(node, ast.If) for one in node.body if isinstance(one, ast.Raise)]
    calls = [node for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    return (*(node for node in nodes if isinstance(node, ast.Assert)), *calls, *guarded)


def _text(file: str) -> str:
    return Path(file).read_text(encoding="utf-8")
