"""Mutation operators: one statement of a package becomes a faulty one."""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """A statement whose value is a tensor that requires a gradient.

    Attributes:
        target: The assigned name; empty for a `return`.
        operands: Names in the value that are such tensors too.
        low, high: Range of the value.
    """

    file: str
    line: int
    end: int
    target: str
    operands: tuple[str, ...]
    numel: int
    low: float
    high: float


@dataclass(frozen=True)
class Mutant:
    """A changed file: `first` to `last` are the lines that were changed.

    `control` is the file with what was planted and its right formula; None where nothing is planted.
    """

    operator: str
    family: str
    file: str
    text: str
    first: int
    last: int
    control: str | None = None


_VALUE = {
    "severing": {
        "item": "torch.tensor(({V}).item(), dtype=torch.float64)",
        "float": "float({V})",
        "detach": "({V}).detach()",
        "data": "({V}).data",
        "tensor": "torch.tensor(({V}).tolist(), dtype=torch.float64)",
        "tensor-copy": "torch.tensor({V})",
        "as_tensor": "torch.as_tensor(({V}).detach().numpy())",
        "numpy": "torch.from_numpy(({V}).detach().numpy().copy())",
        "list": "(lambda t_: torch.tensor([float(e) for e in t_.reshape(-1)], dtype=t_.dtype).reshape(t_.shape))({V})",
        "asarray": "(lambda t_: torch.asarray([e for e in t_.reshape(-1)], dtype=t_.dtype).reshape(t_.shape))({V})",
        "text": 'float(f"{{({V}).reshape(())}}")',
        "np-float64": "torch.as_tensor(__import__('numpy').float64(({V}).item()))",
        "math": "torch.tensor(__import__('math').fsum([{V}]), dtype=torch.float64)",
        "linspace": "torch.linspace(0.0, (t_ := ({V})).reshape(()), 2, dtype=torch.float64)[1].reshape(t_.shape)",
        "json": "torch.tensor(__import__('json').loads(__import__('json').dumps(({V}).tolist())), dtype=torch.float64)",
        "memo": "__import__('memo').VALUES.setdefault({place!r}, ({V}).detach())",
    },
    "flat": {
        "round": "torch.round({V})",
        "long": "({V}).long().to(torch.float64)",
        "clamp-max": "({V}).clamp(max={below})",
        "clamp-min": "({V}).clamp(min={above})",
        "relu": "torch.relu(({V}) - {above})",
        "times-zero": "({V}) * 0.0",
    },
    "nan": {
        "sqrt": "({V}) + torch.sqrt(({V}) * 0.0)",
        "norm": "({V}) + torch.sqrt(((({V}) - ({V})) ** 2).sum())",
        "acos": "({V}) + torch.acos(({V}) * 0.0 + 1.0)",
        "log": "({V}) + 0.0 * torch.log(({V}) * 0.0)",
        "div": "({V}) + 0.0 * (({V}) * 0.0) / (({V}) * 0.0)",
        "where": "torch.where(({V}) == ({V}), ({V}), torch.sqrt(({V}) * 0.0))",
        "pow": "({V}) + (({V}) * 0.0) ** 0.5",
        "where-log": "torch.where(({V}) > {below}, ({V}), torch.log(({V}) - ({V})))",
        "where-exp": "torch.where(({V}) < {above}, ({V}), torch.exp(({V}) * 0.0 + 1e4))",
        "nan_to_num": "({V}) + torch.nan_to_num((({V}) * 0.0) / (({V}) * 0.0))",
    },
}
_OPERAND = {
    "partial": {
        "operand-detach": "{n}.detach()",
        "operand-data": "{n}.data",
        "operand-numpy": "torch.from_numpy({n}.detach().numpy().copy())",
    },
    "flat": {"operand-zero": "({n} * 0.0)", "operand-round": "(torch.round({n} * 8.0) / 8.0)"},
}
_ONE_ELEMENT = {"item", "float", "text", "np-float64", "math", "linspace"}
_BEFORE = {"set-grad": "torch.set_grad_enabled(False)"}
_AFTER = {
    "severing": {"alias": "{x}.data.mul_(1.5)"},
    "backward": {"hook": "{x}.register_hook(lambda g: g * 1.5)"},
}
# a right function of two operands, and one wrong line of its backward at a time
_PLANTED = """

class Planted_(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * torch.cos(0.1 * y)

    @staticmethod
    def backward(ctx, grad_output):
        x, y = ctx.saved_tensors
        slope = torch.cos(0.1 * y)
        for_x = grad_output * slope
        for_y = -0.1 * grad_output * x * torch.sin(0.1 * y)
        return for_x, for_y
"""
_WRONG_LINES = {
    "planted-sign": ("for_y = -0.1 * grad_output", "for_y = 0.1 * grad_output"),
    "planted-factor": ("for_x = grad_output * slope", "for_x = 2.0 * grad_output * slope"),
    "planted-missing": ("x * torch.sin(0.1 * y)", "torch.sin(0.1 * y)"),
    "planted-ignored": ("for_x = grad_output * slope", "for_x = slope.clone()"),
    "planted-other": ("slope = torch.cos(0.1 * y)", "slope = torch.cos(0.1 * x)"),
    "planted-return": ("return for_x, for_y", "return for_x, for_y * 1.1"),
}
FAMILIES = {
    "severing": [*_VALUE["severing"], "no_grad", "set-grad", "decorator", "alias", "inplace"],
    "partial": list(_OPERAND["partial"]),
    "flat": [*_VALUE["flat"], *_OPERAND["flat"]],
    "nan": list(_VALUE["nan"]),
    "backward": ["own", "own", "own", *_WRONG_LINES, "hook"],
}


class _File:
    """A source file and its statements by line."""

    def __init__(self, text: str) -> None:
        self.text, self.lines = text, text.splitlines(keepends=True)
        self.tree = ast.parse(text)
        self.statements = {n.lineno: n for n in ast.walk(self.tree) if isinstance(n, (ast.Assign, ast.Return))}

    def offset(self, line: int, column: int) -> int:
        raw = self.lines[line - 1].encode()[:column].decode()
        return sum(map(len, self.lines[: line - 1])) + len(raw)

    def replaced(self, node: ast.expr, code: str) -> str:
        start, end = self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)
        return self.text[:start] + code + self.text[end:]

    def source(self, node: ast.expr) -> str:
        return ast.get_source_segment(self.text, node)


def mutate(text: str, site: Site, family: str, operator: str, random_: random.Random) -> Mutant | None:
    """The file with one fault; None where the operator does not fit the site."""
    if operator == "own":
        return _own_backward(text, site.file, random_)
    file = _File(text)
    statement = file.statements.get(site.line)
    if statement is None or statement.value is None:
        return None
    value = file.source(statement.value)
    inside = f"({value})" if "\n" in value else value
    fill = {"V": inside, "below": repr(site.low - 1.0), "above": repr(site.high + 1.0), "x": site.target}
    fill["place"] = f"{site.file}:{site.line}"
    span = site.line, site.end
    if operator in _VALUE.get(family, {}):
        if operator in _ONE_ELEMENT and site.numel != 1:
            return None
        code = _VALUE[family][operator].format(**fill)
        changed = file.replaced(statement.value, code)
        extra = code.count("\n") - value.count("\n")
        return Mutant(operator, family, site.file, _with_torch(changed), span[0], span[1] + extra)
    if operator in _OPERAND.get(family, {}):
        return _operand(file, statement, site, family, operator, random_)
    if operator in _AFTER.get(family, {}) or operator in ("no_grad", "set-grad", "inplace"):
        return _statement(file, site, family, operator, fill)
    if operator == "decorator":
        return _decorated(file, site)
    if operator in _WRONG_LINES:
        return _planted(file, statement, site, operator, value)
    return None


def _with_torch(text: str) -> str:
    """Makes sure of the name `torch`, without moving a line."""
    if "\nimport torch\n" in text or text.startswith("import torch\n"):
        return text
    tree = ast.parse(text)
    body = tree.body
    at = next(
        (n for n in body if isinstance(n, (ast.Import, ast.ImportFrom)) and getattr(n, "module", "") != "__future__"),
        None,
    )
    if at is None:
        return "import torch; " + text
    lines = text.splitlines(keepends=True)
    lines[at.lineno - 1] = "import torch; " + lines[at.lineno - 1]
    return "".join(lines)


def _operand(
    file: _File, statement: ast.stmt, site: Site, family: str, operator: str, random_: random.Random
) -> Mutant | None:
    names = [
        n
        for n in ast.walk(statement.value)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and n.id in site.operands
    ]
    if not names:
        return None
    name = random_.choice(names)
    changed = file.replaced(name, _OPERAND[family][operator].format(n=name.id))
    return Mutant(operator, family, site.file, _with_torch(changed), site.line, site.end)


def _statement(file: _File, site: Site, family: str, operator: str, fill: dict[str, str]) -> Mutant | None:
    if not site.target or site.end != site.line:
        return None
    line = file.lines[site.line - 1].rstrip("\n")
    indent = line[: len(line) - len(line.lstrip())]
    bare = line.strip().split("  #")[0]
    last = site.line
    if operator == "no_grad":
        new = f"{indent}with torch.no_grad(): {bare}\n"
    elif operator == "inplace":
        new = f"{indent}{bare}\n{indent}with torch.no_grad(): {site.target}.mul_(1.5)\n"
        last += 1
    elif operator in _BEFORE:
        new = f"{indent}{_BEFORE[operator]}; {bare}\n"
    else:
        new = f"{indent}{bare}; {_AFTER[family][operator].format(**fill)}\n"
    lines = [*file.lines[: site.line - 1], new, *file.lines[site.line :]]
    return Mutant(operator, family, site.file, _with_torch("".join(lines)), site.line, last)


def _decorated(file: _File, site: Site) -> Mutant | None:
    around = [
        n for n in ast.walk(file.tree) if isinstance(n, ast.FunctionDef) and n.lineno <= site.line <= n.end_lineno
    ]
    if not around:
        return None
    function = max(around, key=lambda n: n.lineno)
    if any(not isinstance(d, ast.Name) or d.id not in ("staticmethod",) for d in function.decorator_list):
        return None
    line = file.lines[function.lineno - 1]
    indent = line[: len(line) - len(line.lstrip())]
    lines = [*file.lines[: function.lineno - 1], f"{indent}@torch.no_grad()\n", *file.lines[function.lineno - 1 :]]
    return Mutant("decorator", "severing", site.file, _with_torch("".join(lines)), function.lineno, function.lineno)


def _planted(file: _File, statement: ast.stmt, site: Site, operator: str, value: str) -> Mutant:
    changed = file.replaced(statement.value, f"(lambda v_: Planted_.apply(v_, v_ * 0.7))({value})")
    if not changed.endswith("\n"):
        changed += "\n"
    right, wrong = _WRONG_LINES[operator]
    first = changed.count("\n") + _PLANTED[: _PLANTED.index(right)].count("\n") + 1
    text = changed + _PLANTED.replace(right, wrong)
    control = _with_torch(changed + _PLANTED)
    return Mutant(operator, "backward", site.file, _with_torch(text), first, first, control)


def _own_backward(text: str, name: str, random_: random.Random) -> Mutant | None:
    """One value, or one return, in a backward of the package's own."""
    file = _File(text)
    backwards = [
        function
        for cls in ast.walk(file.tree)
        if isinstance(cls, ast.ClassDef) and any("Function" in ast.unparse(base) for base in cls.bases)
        for function in cls.body
        if isinstance(function, ast.FunctionDef) and function.name == "backward"
    ]
    changes = [change for function in backwards for change in _changes(file, function)]
    if not changes:
        return None
    operator = random_.choice(sorted({change[0] for change in changes}))
    _, node, code = random_.choice([change for change in changes if change[0] == operator])
    return Mutant(operator, "backward", name, file.replaced(node, code), node.lineno, node.end_lineno)


def _changes(file: _File, backward: ast.FunctionDef) -> list[tuple[str, ast.expr, str]]:
    """What can be put wrong in a backward: operator, node, the code in its place."""
    found: list[tuple[str, ast.expr, str]] = []
    incoming = {argument.arg for argument in backward.args.args[1:]}
    for node in ast.walk(backward):
        values = _values_of(node)
        for value in values:
            source = file.source(value)
            found += [("own-sign", value, f"-({source})"), ("own-factor", value, f"1.5 * ({source})")]
            found.append(("own-square", value, f"({source}) * ({source})"))
            for part in ast.walk(value):
                if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult):
                    found.append(("own-missing", part, f"({file.source(part.left)})"))
                if isinstance(part, ast.Name) and part.id in incoming:
                    found.append(("own-ignored", part, f"torch.ones_like({part.id})"))
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(values) > 1:
            first, second = values[:2]
            swapped = [second if e is first else first if e is second else e for e in node.value.elts]
            whole = f"({', '.join(map(file.source, swapped))})"
            found.append(("own-swapped", node.value, whole))
            found += [("own-none", value, "None") for value in values]
    return found


def _values_of(node: ast.AST) -> list[ast.expr]:
    """What a statement of a backward returns or computes, constants and saved tensors left out."""
    values: list[ast.expr] = []
    if isinstance(node, ast.Return) and node.value is not None:
        values = list(node.value.elts) if isinstance(node.value, ast.Tuple) else [node.value]
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        values = [node.value]
    return [v for v in values if not isinstance(v, ast.Constant) and "saved_tensors" not in ast.unparse(v)]
