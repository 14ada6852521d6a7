"""The compiled run held against the eager one: what the explanation looks at, and what a user gets."""

from __future__ import annotations

import functools
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradtriage.probe.explain.account.document import relative
from gradtriage.probe.explain.compiled.requests import compile_now, compiled_sites, ran
from gradtriage.probe.explain.differential.recording import unique
from gradtriage.probe.explain.differential.values import Value, Values, relative_difference, same
from gradtriage.probe.explain.leaves.identity import frozen_alive, leaves_alive
from gradtriage.probe.explain.leaves.watch import LeafWatch
from gradtriage.probe.explain.question.question import TOLERANCE, TOLERANCE_SINGLE
from gradtriage.probe.explain.replay.children import ChildFailedError, Failure, Reply, run_child
from gradtriage.probe.explain.replay.replay import Conditions, conditions_hold

if TYPE_CHECKING:
    from gradtriage.probe.explain.program import GradientCall, Program
    from gradtriage.probe.explain.source.sites import Site

MOST_CALLS = 8
COMPILING_SECONDS = 240.0
# fused code sums in another order: so many times the tolerance of a value that only its own formula made
_SLACK = 100.0


@dataclass(frozen=True)
class _Call:
    number: int
    loss: float
    roots: tuple[Value, ...]
    gradients: dict[str, Value | None]


@dataclass(frozen=True)
class _Evaluation:
    """A plain run: its gradient computations, and which functions were compiled."""

    calls: tuple[_Call, ...]
    sites: tuple[Site, ...]
    called: bool


def add_compiled(document: dict[str, Any], program: Program, root: Path, seconds: float = 60.0) -> dict[str, Any]:
    """The diagnosis with the comparison of compiled and eager code in it, where the body compiles anything.

    Args:
        document: The diagnosis, of the eager run.
        program: The body.
        root: Folder that files are named relative to.
        seconds: Time for an eager run.
    """
    if document["verdict"] == "nondeterministic" or not document["parameters"]:
        return document
    try:
        eager = _evaluate(program, seconds, compiled=False)
    except ChildFailedError:
        return document
    if not eager.called and "torch._dynamo" not in sys.modules:
        return document
    try:
        compiled = _evaluate(program, COMPILING_SECONDS, compiled=True)
    except ChildFailedError as error:
        reason = f"the compiled run could not be made: {error}"
        return {**document, "compiled": {**_NOTHING, "reason": reason}} if eager.called else document
    if not compiled.sites:
        return document
    return _compared(document, eager, compiled, root)


_NOTHING: dict[str, Any] = {"agree": None, "call": None, "functions": [], "loss": None, "gradients": {}}


def _compared(document: dict[str, Any], eager: _Evaluation, compiled: _Evaluation, root: Path) -> dict[str, Any]:
    pairs = list(zip(eager.calls, compiled.calls, strict=False))
    functions = [{"file": relative(s.file, root), "line": s.line, "function": s.function} for s in compiled.sites]
    if not pairs:
        reason = "the compiled run does not come to a gradient computation"
        return {**document, "compiled": {**_NOTHING, "functions": functions, "reason": reason}}
    one, other = next((pair for pair in pairs if not _agree(*pair)), pairs[0])
    agree = _agree(one, other)
    field = {
        "agree": agree,
        "call": one.number,
        "functions": functions,
        "loss": {"eager": _finite(one.loss), "compiled": _finite(other.loss), "same": _same_loss(one, other)},
        "gradients": {
            name: {
                "eager": _figure(value),
                "compiled": _figure(theirs),
                "same": equal,
                "relative_difference": relative_difference(value, theirs),
            }
            for name, value, theirs, equal in _gradients(one, other)
        },
        "reason": "",
    }
    document = {**document, "compiled": field}
    return document if agree else _blamed(document, one, other, compiled.sites, root)


def _blamed(
    document: dict[str, Any], eager: _Call, compiled: _Call, sites: tuple[Site, ...], root: Path
) -> dict[str, Any]:
    """The cause, and the verdict: the compiled gradients are what a user gets."""
    gradients = _gradients(eager, compiled)
    differing = [name for name, _, _, equal in gradients if not equal]
    wrong = {name: other for name, one, other, _ in gradients if name in differing and _beyond_differences(one, other)}
    healthy = document["verdict"] == "healthy" and eager.number == document.get("call", 1)
    decided = healthy and bool(wrong) and _same_loss(eager, compiled)
    site = sites[0]
    identity = f"K{len(document['causes']) + 1}"
    cause = {
        "id": identity,
        "kind": "other",
        "file": relative(site.file, root),
        "line": max(1, site.line),
        "function": site.function,
        "source": site.source,
        "op": "torch.compile",
        "parameters": differing,
        # the eager run is the counterfactual: with one function alone not compiled, autograd and differences agree
        "proof": "proven" if decided and len(sites) == 1 else "supported",
        "evidence": {
            "loss_eager": _finite(eager.loss),
            "loss_compiled": _finite(compiled.loss),
            "functions": len(sites),
        },
        "fix": "Run this function without torch.compile, or with another backend, until the two agree.",
    }
    document = {**document, "causes": [*document["causes"], cause]}
    if not decided:
        return document
    parameters = [
        {
            **parameter,
            "status": "wrong",
            "compiled": _scalar(wrong[parameter["name"]]),
            "causes": [identity],
        }
        if parameter["name"] in wrong
        else parameter
        for parameter in document["parameters"]
    ]
    reason = (
        "eager autograd agrees with differences, and the compiled gradients, which are those that a user gets, do not"
    )
    return {**document, "verdict": "wrong-backward", "reason": reason, "parameters": parameters}


def _agree(one: _Call, other: _Call) -> bool:
    return _same_loss(one, other) and all(equal for *_, equal in _gradients(one, other))


def _same_loss(one: _Call, other: _Call) -> bool:
    return len(one.roots) == len(other.roots) and all(
        same(a, b, slack=_SLACK) for a, b in zip(one.roots, other.roots, strict=True)
    )


def _gradients(one: _Call, other: _Call) -> list[tuple[str, Value | None, Value | None, bool]]:
    """Name, eager and compiled gradient, whether they are the same; what has another name there is paired in order."""
    lonely = [name for name in other.gradients if name not in one.gradients]
    found = []
    for name, value in one.gradients.items():
        partner = name if name in other.gradients else lonely.pop(0) if lonely else None
        theirs = None if partner is None else other.gradients[partner]
        equal = value is theirs if value is None or theirs is None else same(value, theirs, slack=_SLACK)
        found.append((name, value, theirs, equal))
    return found


def _beyond_differences(one: Value | None, other: Value | None) -> bool:
    """Whether two gradients are further apart than differences of the loss could leave open."""
    if one is None or other is None:
        return one is not other
    apart = relative_difference(one, other)
    single = one.dtype not in ("float64", "complex128")
    return apart is None or apart > 10 * (TOLERANCE_SINGLE if single else TOLERANCE)


def _figure(value: Value | None) -> float | None:
    return None if value is None else value.number


def _scalar(value: Value | None) -> float | None:
    """The figure that stands beside the two derivatives, which are along a direction where it is no scalar."""
    return None if value is None or math.prod(value.shape) != 1 else value.number


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _evaluate(program: Program, seconds: float, *, compiled: bool) -> _Evaluation:
    """One run in a child.

    Raises:
        ChildFailedError: It gave no gradient computation, or took too long.
    """
    found = run_child(functools.partial(_run, program, LeafWatch(leaves_alive(), frozen_alive()), compiled), seconds)
    if isinstance(found, Failure):
        words = " ".join(found.message.split())
        raise ChildFailedError(f"{found.type_name}: {words[:300]}")
    evaluation: _Evaluation = found
    return evaluation


def _run(program: Program, leaves: LeafWatch, compiled: bool, reply: Reply) -> None:
    calls = _Calls(reply, compiled)
    try:
        if compiled:
            compile_now()
            program(calls)
        else:
            with conditions_hold(Conditions(leaves)):
                program(calls)
    except BaseException:
        # what a test asserts comes after what it computes
        if not calls.seen:
            raise
    calls.send()


class _Calls:
    """Evaluates each gradient computation once more, and answers after the last that is wanted."""

    def __init__(self, reply: Reply, compiled: bool) -> None:
        self._reply, self._compiled = reply, compiled
        self.seen: list[_Call] = []

    def opened(self, call: GradientCall) -> None:
        values = Values()
        loss, gradients = call.loss(), call.gradients()
        numbers = [-1 if gradient is None else values.add(gradient) for gradient in gradients]
        roots = [values.add(root) for root in call.roots]
        table = values.table
        named = dict(zip(unique(call.names), (None if n < 0 else table[n] for n in numbers), strict=True))
        self.seen.append(_Call(call.number, loss, tuple(table[n] for n in roots), named))
        if len(self.seen) == MOST_CALLS:
            self.send()

    def send(self) -> None:
        """Ends the run with what was seen."""
        sites = compiled_sites() if self._compiled else []
        self._reply.send(_Evaluation(tuple(self.seen), tuple(sites), ran()))
