"""The source of a backward formula: which statement computes which gradient, and the formula with one changed."""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradtriage.probe.explain.source.sites import Site

_PRODUCT_METHODS = frozenset({"mul", "mul_", "multiply", "div", "div_"})
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Statement:
    """One value that a backward computes: the right-hand side of an assignment, or an element of what it returns.

    Attributes:
        line: Where it begins.
        number: Position among the values of the formula, in the order of the source.
        names: Variables that it reads.
        target: The variable that it is assigned to; empty for a returned one.
        element: Position in the returned tuple; None for an assignment.
        plain: It is a variable or a constant alone: nothing is computed.
        factors: Numbers that it is multiplied by as a whole, as they are written; -1 for a sign.
        product: It only multiplies variables: the chain rule, in which little can be wrong.
    """

    line: int
    number: int
    names: frozenset[str]
    target: str
    element: int | None
    plain: bool
    factors: tuple[float, ...]
    starred: bool = False
    product: bool = False

    def returned(self, elements: set[int]) -> bool:
        """Whether it is one of these elements of what is returned, or holds one of them."""
        assert self.element is not None  # noqa: S101 - asked of returned ones only
        return self.element in elements or (self.starred and any(element > self.element for element in elements))


@dataclass(frozen=True)
class Edit:
    """A small change of a statement.

    Attributes:
        position: Of the variable, among those that it reads, that another takes the place of; None to multiply.
        by: The other variable, or the number or variable that the value is multiplied by.
    """

    statement: Statement
    position: int | None
    by: float | str


class Formula:
    """The backward of a custom function, or a function that it calls.

    Args:
        site: Where it begins: its first decorator, or its `def`.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.node = _function_at(site)
        values = [] if self.node is None else _values(self.node)
        self.statements = [_statement(number, *value) for number, value in enumerate(values)]

    def of_elements(self, elements: set[int]) -> list[Statement]:
        """The statements that some of the returned elements are computed by, in order."""
        wanted: set[str] = set()
        found: list[Statement] = []
        for statement in reversed(self.statements):
            mine = statement.returned(elements) if statement.element is not None else statement.target in wanted
            if mine:
                found.append(statement)
                wanted |= statement.names
        return found[::-1]

    def at(self, statement: Statement) -> Site:
        """The line of a statement."""
        return replace(self.site, line=statement.line)

    @property
    def gradients(self) -> frozenset[str]:
        """The parameters that hand over the incoming gradients."""
        if self.node is None:
            return frozenset()
        arguments = self.node.args
        names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        names = names[2:] if names and names[0] == "cls" else names[1:]
        return frozenset([*names, *([arguments.vararg.arg] if arguments.vararg else [])])

    def edits(self, statement: Statement) -> list[Edit]:
        """Small changes of a statement that use what is at hand: another variable, or one more factor."""
        if self.node is None:
            return []
        at_hand = sorted(_bound_before(self.node, statement.line) | self.gradients)
        value = _values(self.node)[statement.number][0]
        read = [node.id for node in ast.walk(value) if isinstance(node, ast.Name)]
        others = [
            Edit(statement, position, name)
            for position, own in enumerate(read)
            if own in at_hand
            for name in at_hand
            if name not in (own, statement.target)
        ]
        return others + [Edit(statement, None, name) for name in at_hand if name != statement.target]

    def edited(self, edit: Edit, function: Callable[..., Any]) -> Callable[..., Any] | None:
        """The backward with one statement changed; None where it cannot be compiled."""
        if self.node is None:
            return None
        node = copy.deepcopy(self.node)
        node.decorator_list = []
        value = _values(node)[edit.statement.number][0]
        if edit.position is not None:
            names = [name for name in ast.walk(value) if isinstance(name, ast.Name)]
            names[edit.position].id = str(edit.by)
        else:
            by: ast.expr = ast.Name(edit.by, ast.Load()) if isinstance(edit.by, str) else ast.Constant(edit.by)
            _replace(node, value, ast.BinOp(by, ast.Mult(), value))
        plain = getattr(function, "__func__", function)
        written = getattr(plain, "__code__", None)
        if written is None or written.co_freevars:
            return None
        code = compile(ast.fix_missing_locations(ast.Module([node], [])), self.site.file, "exec")
        names_made: dict[str, Any] = {}
        exec(code, plain.__globals__, names_made)  # noqa: S102 - the code under test itself, one name or number changed
        changed: Callable[..., Any] = names_made[node.name]
        return functools.partial(changed, function.__self__) if hasattr(function, "__self__") else changed


def _bound_before(function: FunctionNode, line: int) -> set[str]:
    return {
        name.id
        for name in ast.walk(function)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store) and name.lineno < line
    }


def start_of_function(file: str, line: int) -> int | None:
    """The first line of the innermost function that a line is in."""
    around = [node for node in _functions(file) if node.lineno <= line <= (node.end_lineno or node.lineno)]
    return _first_line(max(around, key=lambda node: node.lineno)) if around else None


@functools.lru_cache(maxsize=256)
def _function_at(site: Site) -> FunctionNode | None:
    return next((node for node in _functions(site.file) if site.line in (_first_line(node), node.lineno)), None)


@functools.lru_cache(maxsize=64)
def _functions(file: str) -> tuple[FunctionNode, ...]:
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return ()
    tree = _InPlaceAssigned().visit(tree)
    return tuple(node for node in ast.walk(tree) if isinstance(node, FunctionNode))


def _first_line(node: FunctionNode) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


class _InPlaceAssigned(ast.NodeTransformer):
    """`x.mul_(y)` alone on its line as `x = x.mul_(y)`, which is the same."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        call = node.value
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
            and call.func.attr.endswith("_")
            and not call.func.attr.endswith("__")
        ):
            target = ast.Name(call.func.value.id, ast.Store())
            return ast.fix_missing_locations(ast.copy_location(ast.Assign([target], call), node))
        return node


def _values(function: FunctionNode) -> list[tuple[ast.expr, str, int | None]]:
    """Each computed value with the variable it goes to, or its position in what is returned, in the source's order."""
    found: list[tuple[ast.expr, str, int | None]] = []
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            elements = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            found += [(element, "", position) for position, element in enumerate(elements)]
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [name.id for name in ast.walk(targets[0]) if isinstance(name, ast.Name)]
            if names:
                found.append((node.value, names[0], None))
    return sorted(found, key=lambda entry: (entry[0].lineno, entry[0].col_offset))


def _statement(number: int, value: ast.expr, target: str, element: int | None) -> Statement:
    names = frozenset(node.id for node in ast.walk(value) if isinstance(node, ast.Name))
    starred = isinstance(value, ast.Starred)
    inner = value.value if isinstance(value, ast.Starred) else value
    plain = isinstance(inner, (ast.Name, ast.Constant)) or (isinstance(inner, (ast.Tuple, ast.List)) and not inner.elts)
    factors = tuple(_factors(value))
    return Statement(value.lineno, number, names, target, element, plain, factors, starred, _product(inner))


def _product(value: ast.expr) -> bool:
    """Whether variables are multiplied with each other, and nothing else is done."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        return _product(value.left) and _product(value.right)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "mul":
        return _product(value.func.value) and all(map(_product, value.args))
    return isinstance(value, ast.Name)


def _factors(value: ast.expr) -> list[float]:
    """Signs and numbers that the whole value is multiplied or divided by."""
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        return [-1.0, *_factors(value.operand)]
    if isinstance(value, ast.BinOp) and isinstance(value.op, (ast.Mult, ast.Div)):
        return [*_factors(value.left), *_factors(value.right)]
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _PRODUCT_METHODS:
        return [factor for part in (value.func.value, *value.args) for factor in _factors(part)]
    number = isinstance(value, ast.Constant) and isinstance(value.value, (int, float)) and value.value is not True
    return [float(value.value)] if number and value.value else []  # type: ignore[attr-defined]


def _replace(root: ast.AST, old: ast.expr, new: ast.expr) -> None:
    for node in ast.walk(root):
        if node is new:
            continue
        for name, value in ast.iter_fields(node):
            if value is old:
                setattr(node, name, new)
                return
            if isinstance(value, list):
                for index, item in enumerate(value):
                    if item is old:
                        value[index] = new
                        return
