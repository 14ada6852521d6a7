"""The source of a backward formula: which statement computes which gradient, and the formula with one changed."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradtriage.probe.explain.source.forms import forms, multiplied, replaced
from gradtriage.probe.explain.source.statements import FunctionNode, Statement, statements_of, values_of

if TYPE_CHECKING:
    from gradtriage.probe.explain.source.sites import Site


@dataclass(frozen=True)
class Edit:
    """A small change of a statement.

    Attributes:
        position: Of the variable, among those that it reads, that another takes the place of; None to multiply.
        by: The other variable, or the number or variable that the value is multiplied by; else the changed part.
        form: What stands in the place of the value.
        exchanged: The returned value that it changes places with.
    """

    statement: Statement
    position: int | None
    by: float | str
    form: ast.expr | None = None
    exchanged: Statement | None = None


class Formula:
    """The backward of a custom function, or a function that it calls.

    Args:
        site: Where it begins: its first decorator, or its `def`.

    Attributes:
        statements: What is assigned and returned.
        controls: The conditions and what loops run over.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.node = _function_at(site)
        statements = [] if self.node is None else statements_of(self.node)
        self.statements = [statement for statement in statements if not statement.control]
        self.controls = [statement for statement in statements if statement.control]

    def of_elements(self, elements: set[int]) -> list[Statement]:
        """The statements that some of the returned elements are computed by, in order."""
        found = {one.number: one for one in self.statements if one.element is not None and one.returned(elements)}
        wholes = {name for one in found.values() if one.whole for name in one.names}
        wanted = {name for one in found.values() for name in one.names}
        while True:  # what is computed late in a loop may go into what is computed early
            more = [
                one
                for one in self.statements
                if one.number not in found
                and one.element is None
                and one.goes_into(wanted)
                and (one.index is None or one.target not in wholes or one.index in elements)
            ]
            if not more:
                return [found[number] for number in sorted(found)]
            found.update((one.number, one) for one in more)
            wanted |= {name for one in more for name in one.names}

    def at(self, statement: Statement) -> Site:
        """The line of a statement."""
        return replace(self.site, line=statement.line)

    def holds(self, line: int) -> bool:
        """Whether a line lies in the function, or in one that is defined inside."""
        return self.node is not None and self.site.line <= line <= (self.node.end_lineno or 0)

    @property
    def name(self) -> str:
        """The function's name; empty where there is no source."""
        return "" if self.node is None else self.node.name

    @property
    def gradients(self) -> frozenset[str]:
        """The parameters that hand over the incoming gradients."""
        variable = None if self.node is None else self.node.args.vararg
        return frozenset([*self._parameters[1:], *([] if variable is None else [variable.arg])])

    @property
    def contexts(self) -> frozenset[str]:
        """The parameter that stands for the context."""
        return frozenset(self._parameters[:1])

    @property
    def _parameters(self) -> list[str]:
        """Its parameters by name, the context first."""
        if self.node is None:
            return []
        arguments = self.node.args
        names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        return names[1:] if names and names[0] == "cls" else names

    def edits(self, statement: Statement) -> list[Edit]:
        """Small changes of a statement that use what is at hand: another variable, or one more factor."""
        if self.node is None:
            return []
        at_hand = sorted(_bound_before(self.node, statement.line) | self.gradients)
        value = values_of(self.node)[statement.number].node
        read = [node.id for node in ast.walk(value) if isinstance(node, ast.Name)]
        others = [
            Edit(statement, position, name)
            for position, own in enumerate(read)
            if own in at_hand
            for name in at_hand
            if name not in (own, statement.target)
        ]
        return others + [Edit(statement, None, name) for name in at_hand if name != statement.target]

    def returns(self, elements: set[int], live: set[int]) -> list[Edit]:
        """Other variables returned in the place of some elements, and elements that change places.

        Args:
            elements: Those that are wrong.
            live: Those of operands that have a gradient: what changes places with another one is lost.
        """
        if self.node is None:
            return []
        returned = [one for one in self.statements if one.element is not None and not one.whole]
        wrong = [one for one in returned if one.element in elements]
        pairs = [
            Edit(one, None, f"element {other.element}", exchanged=other)
            for one in wrong
            for other in returned
            if other.group == one.group and other.element in live and (other.number > one.number or other not in wrong)
        ]
        names = _bound_before(self.node, self.node.end_lineno or 0) - self.gradients
        others = [Edit(one, 0, name) for one in wrong if one.plain and one.names for name in sorted(names - one.names)]
        return pairs + others

    def other_forms(self, statements: Sequence[Statement]) -> list[Edit]:
        """Each statement one step of writing away; those that compute most of it first, the nearest to the end."""
        if self.node is None:
            return []
        values = values_of(self.node)
        return [
            Edit(statement, None, text, form)
            for statement in reversed(statements)
            for text, form in forms(values[statement.number].node)
        ]

    def more_factors(self, statements: Sequence[Statement]) -> list[Edit]:
        """Each statement divided by a variable at hand, and with one more factor somewhere inside."""
        if self.node is None:
            return []
        values = values_of(self.node)
        found = []
        for statement in reversed(statements):
            at_hand = sorted((_bound_before(self.node, statement.line) | self.gradients) - {statement.target})
            value = values[statement.number].node
            for name in at_hand:
                divided = ast.BinOp(copy.deepcopy(value), ast.Div(), ast.Name(name, ast.Load()))
                found.append(Edit(statement, None, f"1 / {name}", divided))
            found += [Edit(statement, None, name, form) for name in at_hand for form in multiplied(value, name)]
        return found

    def unpacked(self) -> list[str]:
        """The variables that what was kept is unpacked into, in order."""
        nodes = [] if self.node is None else [one for one in ast.walk(self.node) if isinstance(one, ast.Assign)]
        found = [n.targets[0] for n in nodes if isinstance(n.value, ast.Attribute) and n.value.attr == "saved_tensors"]
        return [name.id for target in found for name in ast.walk(target) if isinstance(name, ast.Name)]

    def kept(self) -> list[Statement]:
        """What a forward or `setup_context` keeps for the backward."""
        return [statement for statement in self.statements if statement.target in self.contexts]

    def keepings(self) -> list[Edit]:
        """Other values kept: another variable in the place of each, two that change places, each one step away."""
        if self.node is None:
            return []
        kept = self.kept()
        at_hand = sorted(_bound_before(self.node, self.node.end_lineno or 0) | self.gradients)
        pairs = [
            Edit(one, None, "another order", exchanged=two) for one in kept for two in kept if two.number > one.number
        ]
        others = [
            Edit(one, None, name, ast.Name(name, ast.Load()))
            for one in kept
            for name in at_hand
            if name not in one.names or not one.plain
        ]
        return pairs + others + self.other_forms(kept)

    def edited(self, edit: Edit, function: Callable[..., Any]) -> Callable[..., Any] | None:
        """The backward with one statement changed; None where it cannot be compiled."""
        if self.node is None:
            return None
        node = copy.deepcopy(self.node)
        node.decorator_list = []
        values = values_of(node)
        value = values[edit.statement.number].node
        if edit.exchanged is not None:
            other = values[edit.exchanged.number].node
            replaced(node, value, copy.deepcopy(other))
            replaced(node, other, value)
        elif edit.form is not None:
            replaced(node, value, copy.deepcopy(edit.form))
        elif edit.position is not None:
            names = [name for name in ast.walk(value) if isinstance(name, ast.Name)]
            names[edit.position].id = str(edit.by)
        else:
            by: ast.expr = ast.Name(edit.by, ast.Load()) if isinstance(edit.by, str) else ast.Constant(edit.by)
            several = edit.statement.unpacked or edit.statement.whole
            replaced(node, value, _times_each(by, value) if several else ast.BinOp(by, ast.Mult(), value))
        plain = inspect.unwrap(getattr(function, "__func__", function))
        written = getattr(plain, "__code__", None)
        if written is None or written.co_freevars:
            return None
        code = compile(ast.fix_missing_locations(ast.Module([node], [])), self.site.file, "exec")
        names_made: dict[str, Any] = {}
        exec(code, plain.__globals__, names_made)  # noqa: S102 - the code under test itself, one name or number changed
        changed: Callable[..., Any] = names_made[node.name]
        return functools.partial(changed, function.__self__) if hasattr(function, "__self__") else changed


def _times_each(by: ast.expr, value: ast.expr) -> ast.expr:
    """A factor at what may be several values at once, some of them None."""
    text = (
        "(lambda by, value: type(value)(None if one is None else by * one for one in value)"
        " if isinstance(value, (tuple, list)) else by * value)()"
    )
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)  # noqa: S101 - as it is written above
    call.args = [by, value]
    return call


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
