"""Other forms of an expression: what its author may have meant instead, a step of writing away from it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator

_OPPOSITES: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
}
_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.Gt, ast.NotEq, ast.LtE),
    ast.Gt: (ast.Lt, ast.NotEq, ast.GtE),
    ast.LtE: (ast.GtE, ast.Lt),
    ast.GtE: (ast.LtE, ast.Gt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
_TWINS = {"sin": "cos", "sinh": "cosh", "mean": "sum", "amax": "amin", "maximum": "minimum", "solve": "matmul"}
_RELATED = _TWINS | {other: name for name, other in _TWINS.items()}
# another look at the same values
_TURNED = frozenset({"T", "mT", "H", "mH"})


def forms(value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Each expression one step away, and the changed part as it is written; the likeliest steps first.

    Args:
        value: An expression; it is left as it is.
    """
    nodes = [node for node in ast.walk(value) if isinstance(node, ast.expr)]
    for step in (_operators, _turns, _functions, _orders, _numbers, _squares, _comparisons, _omissions):
        for position, node in enumerate(nodes):
            for change in step(node):
                yield _changed(value, position, change)
    for text in ("{} ** 0.5", "{} ** 2", "1 / {}"):
        form = ast.parse(text.format("x"), mode="eval").body
        yield text.format("x"), _filled(form, copy.deepcopy(value))


def multiplied(value: ast.expr, factor: str) -> Iterator[ast.expr]:
    """The expression with one of the variables in it multiplied by another one."""
    nodes = [node for node in ast.walk(value) if isinstance(node, ast.expr)]
    for position, node in enumerate(nodes):
        if isinstance(node, ast.Name) and node.id != factor and node is not value:
            yield _changed(value, position, lambda n: ast.BinOp(n, ast.Mult(), ast.Name(factor, ast.Load())))[1]


def replaced(root: ast.AST, old: ast.AST, new: ast.AST) -> bool:
    """Puts a node in another one's place; whether it was found."""
    for node in ast.walk(root):
        if node is new:
            continue
        for name, value in ast.iter_fields(node):
            if value is old:
                setattr(node, name, new)
                return True
            if isinstance(value, list):
                for index, item in enumerate(value):
                    if item is old:
                        value[index] = new
                        return True
    return False


_Change = Callable[[ast.expr], ast.expr]


def _changed(value: ast.expr, position: int, change: _Change) -> tuple[str, ast.expr]:
    fresh = copy.deepcopy(value)
    node = [one for one in ast.walk(fresh) if isinstance(one, ast.expr)][position]
    new = change(copy.copy(node))  # it may hold the node itself
    text = ast.unparse(new)
    if node is fresh:
        return text, new
    replaced(fresh, node, new)
    return text, fresh


def _filled(form: ast.expr, value: ast.expr) -> ast.expr:
    hole = next(node for node in ast.walk(form) if isinstance(node, ast.Name))
    replaced(form, hole, value)
    return form


def _operators(node: ast.expr) -> Iterator[_Change]:
    if isinstance(node, ast.BinOp):
        for other in _OPPOSITES.get(type(node.op), ()):
            yield lambda n, other=other: ast.BinOp(n.left, other(), n.right)  # type: ignore[misc]
        if isinstance(node.op, (ast.Div, ast.MatMult)):
            yield lambda n: ast.BinOp(n.right, n.op, n.left)  # type: ignore[attr-defined]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield lambda n: n.operand  # type: ignore[attr-defined]


def _turns(node: ast.expr) -> Iterator[_Change]:
    """A matrix turned, or not turned."""
    if isinstance(node, ast.Attribute) and node.attr in _TURNED:
        yield lambda n: n.value  # type: ignore[attr-defined]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("t", "transpose"):
        yield lambda n: n.func.value  # type: ignore[attr-defined]
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield lambda n: ast.Attribute(ast.Name(n.id, ast.Load()), "mT", ast.Load())  # type: ignore[attr-defined]


def _functions(node: ast.expr) -> Iterator[_Change]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _RELATED:
        other = _RELATED[node.func.attr]

        def change(n: ast.expr) -> ast.expr:
            assert isinstance(n, ast.Call)  # noqa: S101 - as above
            assert isinstance(n.func, ast.Attribute)  # noqa: S101 - as above
            return ast.Call(ast.Attribute(n.func.value, other, ast.Load()), n.args, n.keywords)

        yield change


def _orders(node: ast.expr) -> Iterator[_Change]:
    if isinstance(node, ast.Call) and len(node.args) > 1:
        yield lambda n: ast.Call(n.func, [n.args[1], n.args[0], *n.args[2:]], n.keywords)  # type: ignore[attr-defined]


def _numbers(node: ast.expr) -> Iterator[_Change]:
    if not isinstance(node, ast.Constant) or isinstance(node.value, (str, bytes)) or node.value is None:
        return
    number = node.value
    if isinstance(number, bool):
        others: tuple[object, ...] = (not number,)
    elif isinstance(number, int):
        others = (number + 1, number - 1, -number)
    else:
        others = (-number, number * 2, number / 2) if isinstance(number, float) else ()
    for other in others:
        yield lambda _, other=other: ast.Constant(other)  # type: ignore[misc]


def _squares(node: ast.expr) -> Iterator[_Change]:
    """The square of a variable or of what a method gives."""
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    if called or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)):
        yield lambda n: ast.BinOp(n, ast.Pow(), ast.Constant(2))


def _comparisons(node: ast.expr) -> Iterator[_Change]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in _COMPARED.get(type(node.ops[0]), ()):
            yield lambda n, other=other: ast.Compare(n.left, [other()], n.comparators)  # type: ignore[misc]


def _omissions(node: ast.expr) -> Iterator[_Change]:
    """One operand alone, or what a method without arguments is called on."""
    if isinstance(node, ast.BinOp):
        yield lambda n: n.left  # type: ignore[attr-defined]
        yield lambda n: n.right  # type: ignore[attr-defined]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args and not node.keywords:
        yield lambda n: n.func.value  # type: ignore[attr-defined]
