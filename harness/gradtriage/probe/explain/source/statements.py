"""What a formula computes, statement by statement: the values in its source, and where each of them goes."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from gradtriage.probe.explain.source.syntax import called_name

_PRODUCT_METHODS = frozenset({"mul", "mul_", "multiply", "div", "div_"})
_GATHERING = frozenset({"append", "insert", "extend"})
KEEPING = "save_for_backward"
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Statement:
    """One value that a backward computes: the right-hand side of an assignment, or an element of what it returns.

    Attributes:
        line: Where it begins.
        number: Position among the values of the formula, in the order of the source.
        names: Variables that it reads.
        target: The variable that it is assigned or appended to, or the nested function that returns it; empty for a
            returned one.
        element: Position in the returned tuple; None for an assignment.
        plain: It is a variable or a constant alone, and no entries of the target are chosen: nothing is computed.
        factors: Numbers that it is multiplied by as a whole, as they are written; -1 for a sign.
        whole: It may stand for the elements after it as well: a sequence, unpacked or returned as it is.
        product: It only multiplies variables: the chain rule, in which little can be wrong.
        index: The element of the target that it is assigned to, where that is a number.
        attribute: It is assigned to an attribute of the target.
        call: The name of the function whose result it is as it is; empty where more is done.
        calls: The names of all functions that it calls.
        control: It is no value, but a condition or what a loop runs over.
        group: Line of the `return` that it is an element of; 0 for an assignment.
        unpacked: All variables that it is unpacked into.
    """

    line: int
    number: int
    names: frozenset[str]
    target: str
    element: int | None
    plain: bool
    factors: tuple[float, ...]
    whole: bool = False
    product: bool = False
    index: int | None = None
    attribute: bool = False
    call: str = ""
    calls: frozenset[str] = frozenset()
    control: bool = False
    group: int = 0
    unpacked: frozenset[str] = frozenset()

    def goes_into(self, names: set[str]) -> bool:
        """Whether it is assigned to one of these variables."""
        return self.target in names or bool(self.unpacked & names)

    def returned(self, elements: set[int]) -> bool:
        """Whether it is one of these elements of what is returned, or holds one of them."""
        assert self.element is not None  # noqa: S101 - asked of returned ones only
        return self.element in elements or (self.whole and any(element > self.element for element in elements))


@dataclass(frozen=True)
class Value:
    """An expression in a formula, and where its value goes; the fields are those of `Statement`.

    Attributes:
        entry: It goes to chosen entries of the target.
    """

    node: ast.expr
    target: str = ""
    element: int | None = None
    index: int | None = None
    attribute: bool = False
    entry: bool = False
    whole: bool = False
    group: int = 0
    control: bool = False
    unpacked: frozenset[str] = frozenset()


def statements_of(function: FunctionNode) -> list[Statement]:
    """The statements of a formula, in the source's order."""
    return [_statement(number, value) for number, value in enumerate(values_of(function))]


def values_of(function: FunctionNode) -> list[Value]:
    """Each computed value with the variable it goes to, or its position in what is returned, in the source's order."""
    found: list[Value] = []
    nested = _returns_of_nested(function)
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            name = nested.get(node)
            found += _returned(node.value, node.lineno) if name is None else _handed_over(node.value, name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found += _assigned(target, node.value)
        elif isinstance(node, ast.Expr):
            found += _gathered(node.value)
        elif isinstance(node, (ast.If, ast.While)):
            found.append(Value(node.test, control=True))
        elif isinstance(node, ast.For):
            found.append(Value(node.iter, control=True))
    return sorted(found, key=lambda value: (value.node.lineno, value.node.col_offset))


def _returns_of_nested(function: FunctionNode) -> dict[ast.Return, str]:
    """The `return` statements of functions that are defined inside, each with the name of its function."""
    inner = [node for node in ast.walk(function) if isinstance(node, FunctionNode) and node is not function]
    # the innermost functions come last
    return {node: one.name for one in inner for node in ast.walk(one) if isinstance(node, ast.Return)}


def _handed_over(value: ast.expr, name: str) -> list[Value]:
    return [Value(element, name) for element in (value.elts if isinstance(value, ast.Tuple) else [value])]


def _returned(value: ast.expr, line: int) -> list[Value]:
    if not isinstance(value, ast.Tuple):
        return [Value(value, element=0, whole=True, group=line)]
    return [
        Value(element, element=position, whole=isinstance(element, ast.Starred), group=line)
        for position, element in enumerate(value.elts)
    ]


def _assigned(target: ast.expr, value: ast.expr) -> list[Value]:
    """The value with its variable; several that are assigned at once one by one."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        pairs = zip(target.elts, value.elts, strict=True)
        return [one for variable, element in pairs for one in _assigned(variable, element)]
    names = [name.id for name in ast.walk(target) if isinstance(name, ast.Name)]
    kept, entry = isinstance(target, ast.Attribute), isinstance(target, ast.Subscript)
    unpacked = frozenset(names) if isinstance(target, (ast.Tuple, ast.List)) else frozenset()
    found = Value(value, names[0] if names else "", None, _index(target), kept, entry, unpacked=unpacked)
    return [found] if names else []


def _gathered(call: ast.expr) -> list[Value]:
    """`gradients.append(value)`, `ctx.save_for_backward(value, other)`: the values go to the list, or the context."""
    if (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.attr in _GATHERING | {KEEPING}
        and call.args
    ):
        if call.func.attr == KEEPING:
            return [Value(argument, call.func.value.id) for argument in call.args]
        return [Value(call.args[-1], call.func.value.id)]
    return []


def _index(target: ast.expr) -> int | None:
    number = isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant)
    index = target.slice.value if number else None  # type: ignore[attr-defined]
    return index if isinstance(index, int) else None


def _statement(number: int, value: Value) -> Statement:
    node = value.node
    names = frozenset(name.id for name in ast.walk(node) if isinstance(name, ast.Name))
    inner = node.value if isinstance(node, ast.Starred) else node
    return Statement(
        node.lineno,
        number,
        names,
        value.target,
        value.element,
        _plain(inner) and not value.entry,
        tuple(_factors(node)),
        value.whole,
        _product(inner) and not value.entry,
        value.index,
        value.attribute,
        called_name(inner),
        frozenset(map(called_name, ast.walk(node))) - {""},
        value.control,
        value.group,
        value.unpacked,
    )


def _plain(value: ast.expr) -> bool:
    """A variable or a constant alone, or a variable as a tuple or list, or what was kept."""
    if isinstance(value, ast.Attribute) and value.attr == "saved_tensors":
        return True
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("tuple", "list"):
        return all(map(_plain, value.args))
    if isinstance(value, (ast.Tuple, ast.List)):
        return all(isinstance(element, ast.Constant) for element in value.elts)
    return isinstance(value, (ast.Name, ast.Constant))


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
