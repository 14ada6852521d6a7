"""Checks: short expressions over a run's figures, compiled when the plan is read, evaluated without `eval`."""

import ast
import difflib
from dataclasses import dataclass
from typing import Any

from simpleeval import EvalWithCompoundTypes, InvalidExpression

from gradtriage.model.document import strict_json, to_json
from gradtriage.triage.figures import ENTRY, VOCABULARY, Each, Value

FUNCTIONS = {"abs": abs, "len": len, "max": max, "min": min, "round": round, "sum": sum}
MAX_LENGTH, MAX_DEPTH = 1000, 60
_ALLOWED = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.Compare, ast.Eq,
    ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot, ast.BinOp, ast.Add, ast.Sub,
    ast.Mult, ast.Div, ast.Constant, ast.Name, ast.Load, ast.Attribute, ast.Subscript, ast.Call, ast.List, ast.Tuple,
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """What a check found.

    Attributes:
        met: Whether the check holds.
        values: Each figure that the check names, with its value; null where the evidence has none.
        problem: Why the check could not be evaluated, if it could not.
    """

    met: bool
    values: dict[str, Any]
    problem: str | None = None


def compile_check(check: str) -> ast.Expression:
    """Parses a check and makes sure that every name in it is one that a check can use.

    Raises:
        ValueError: Not an expression, more than a check needs, or an unknown name (with a suggestion).
    """
    if len(check) > MAX_LENGTH:
        raise ValueError(f"the check has {len(check)} characters; at most {MAX_LENGTH} are read")
    try:
        tree = ast.parse(_flat(check), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ValueError(f"{check!r} is no expression: {getattr(error, 'msg', error)}") from None
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise ValueError(f"{check!r}: a check compares figures; {type(node).__name__} is not part of it")
        if isinstance(node, ast.Constant) and not isinstance(node.value, (int, float, str, bool, type(None))):
            raise ValueError(f"{check!r}: {node.value!r} is not a value that a check can hold")
    if _depth(tree) > MAX_DEPTH:
        raise ValueError(f"{check!r} is nested too deeply")
    _Names(check).figure(tree.body)
    return tree


def _flat(check: str) -> str:
    """A check that a plan spreads over lines, on one."""
    return check.replace("\n", " ").strip()


def _depth(tree: ast.AST) -> int:
    depth, level = 0, [tree]
    while level:
        depth, level = depth + 1, [child for node in level for child in ast.iter_child_nodes(node)]
    return depth


class _Names:
    """Follows each dotted name through the vocabulary."""

    def __init__(self, check: str) -> None:
        self._check = check

    def figure(self, node: ast.AST) -> object:
        """The shape of what stands where a figure is wanted; a group of figures is none."""
        shape = self.shape_of(node)
        if isinstance(shape, dict) and shape is not ENTRY:
            group = ast.unparse(node)
            raise ValueError(
                f"{self._check!r}: {group} is a group; name one of its figures: {', '.join(sorted(shape))}"
            )
        return shape

    def shape_of(self, node: ast.AST) -> object:
        match node:
            case ast.Name(id=name):
                return self._known(name, VOCABULARY, "")
            case ast.Attribute(value=inner, attr=name):
                shape = self.shape_of(inner)
                if isinstance(shape, dict):
                    return self._known(name, shape, f"{ast.unparse(inner)}.")
                raise ValueError(f"{self._check!r}: {ast.unparse(inner)} has no field {name!r}")
            case ast.Subscript(value=inner, slice=index):
                shape = self.shape_of(inner)
                self.figure(index)
                if isinstance(shape, Each):
                    return shape.item
                raise ValueError(f"{self._check!r}: {ast.unparse(inner)} is no list and no mapping")
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
                for arg in args:
                    self.figure(arg)
                return Value
            case ast.Call(func=function):
                raise ValueError(
                    f"{self._check!r}: no function {ast.unparse(function)!r}; there are {', '.join(FUNCTIONS)}"
                )
            case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot()], comparators=[right]):
                self.shape_of(left)  # `diagnosis is None` asks whether there is one
                self.shape_of(right)
                return Value
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.figure(child)
                return Value

    def _known(self, name: str, shape: dict[str, object], prefix: str) -> object:
        if name in shape:
            return shape[name]
        close = difflib.get_close_matches(name, shape, n=1)
        hint = f"did you mean {prefix}{close[0]}?" if close else f"known: {', '.join(sorted(shape))}"
        raise ValueError(f"{self._check!r}: unknown name {prefix}{name}; {hint}")


def evaluate(check: str, figures: dict[str, Any]) -> Measured:
    """Evaluates a check over a run's figures.

    What the evidence does not hold (an index past the end, a figure that was not captured) makes it unmet.

    Args:
        check: An expression that `compile_check` accepted; one that it refuses is unmet.
        figures: The value of each name.
    """
    try:
        tree = compile_check(check)
    except ValueError as error:
        return Measured(False, {}, str(error))
    values = {path: _plain(_value(path, figures)) for path in _paths(tree.body)}
    try:
        met = bool(_value(check, figures, strict=True))
    except (InvalidExpression, LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        return Measured(False, values, f"{type(error).__name__}: {error}")
    return Measured(met, values)


def _value(expression: str, figures: dict[str, Any], *, strict: bool = False) -> Any:  # noqa: ANN401
    try:
        return EvalWithCompoundTypes(names=figures, functions=dict(FUNCTIONS)).eval(_flat(expression))
    except (InvalidExpression, LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
        if strict:
            raise
        return None


def _paths(node: ast.AST) -> list[str]:
    """The longest dotted names in an expression, each once, in order."""
    if isinstance(node, (ast.Attribute, ast.Subscript)) or (isinstance(node, ast.Name) and node.id in VOCABULARY):
        return [ast.unparse(node)]
    found = [path for child in ast.iter_child_nodes(node) for path in _paths(child)]
    return list(dict.fromkeys(found))


def _plain(value: object) -> object:
    """The value as JSON can hold it: non-finite numbers and what was not captured are null."""
    try:
        return strict_json(to_json(value))
    except (TypeError, ValueError):
        return str(value) if not isinstance(value, float) else None
