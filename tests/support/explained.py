"""Bodies with a fault whose place is marked in their source, and what must be said about them."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

import gradtriage
from gradtriage.probe.explain.account.document import diagnosis_document
from gradtriage.probe.explain.examination.examine import examine
from gradtriage.probe.explain.replay.body import program_of
from gradtriage.probe.install import attach, detach

MARK = "# <-- "
_LIKE_FLOAT64 = {"dtype": torch.float64}


@dataclass(frozen=True)
class Body:
    """A function of parameters.

    Attributes:
        verdict: Acceptable verdicts.
        kind: Acceptable kinds of the first cause; empty where there must be none.
        proof: Of the first cause.
        parameters: What the function is called with, by name.
    """

    name: str
    function: Callable[..., torch.Tensor]
    verdict: tuple[str, ...]
    kind: tuple[str, ...]
    proof: str
    parameters: dict[str, object]

    def marked_lines(self) -> dict[str, int]:
        """The line of each mark in the source of the file that the function is in."""
        source = inspect.getsource(inspect.unwrap(self.function))
        start = inspect.getsourcelines(inspect.unwrap(self.function))[1]
        found = {}
        for offset, line in enumerate(source.splitlines()):
            if MARK in line:
                found[line.split(MARK)[1].strip()] = start + offset
        return found

    def file_lines(self) -> dict[str, int]:
        """The line of each mark anywhere in the function's file."""
        text = Path(inspect.getfile(inspect.unwrap(self.function))).read_text()
        return {line.split(MARK)[1].strip(): number for number, line in enumerate(text.splitlines(), 1) if MARK in line}


def leaf(*values: float, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """A parameter."""
    return torch.tensor(values if len(values) > 1 else values[0], dtype=dtype, requires_grad=True)


class Bodies(dict[str, Body]):
    """A table of bodies, filled by a decorator."""

    def add(self, verdict, kind=(), proof="proven", **parameters):
        """Adds a function; `verdict` and `kind` may be alternatives separated by `|`."""

        def register(function):
            name = function.__name__.replace("_", " ")
            kinds = tuple(kind.split("|")) if kind else ()
            self[name] = Body(name, function, tuple(verdict.split("|")), kinds, proof, parameters)
            return function

        return register


def check(body: Body) -> None:
    """Explains the body and holds the answer against what must be said."""
    found = gradtriage.explain(body.function, body.parameters)
    assert found.verdict in body.verdict, (found.document["reason"], str(found))
    if not body.kind:
        assert not found.causes, str(found)
        return
    marks = body.marked_lines()
    assert found.causes, found.document["reason"]
    first = found.causes[0]
    assert first["line"] == (marks["here"] if marks else body.file_lines()[body.name]), str(found)
    assert first["kind"] in body.kind
    assert first["proof"] == body.proof
    if "origin" in marks:
        assert first["evidence"]["origin"]["line"] == marks["origin"]


class _Unheard:
    """A sink that keeps nothing."""

    root = Path.cwd()

    def opened(self, *_) -> None: ...

    def returned(self, _call, result):
        return result

    def gradient(self, _record) -> None: ...

    def error(self, place, error) -> None:
        raise AssertionError(place) from error


def explained_test(body: Callable[[], object]) -> dict:
    """The diagnosis of a body that makes its parameters and its gradient calls itself, as a test does."""
    sink = _Unheard()
    attach(sink)
    try:
        return diagnosis_document(examine(program_of(body, Path.cwd())), body.__name__, "passed", Path.cwd())
    finally:
        detach(sink)


def check_test(
    body: Callable[[], object], verdict: str, kind: str = "", *, call: int = 1, proof: str = "proven"
) -> None:
    """Explains a body as a test and holds the answer against what must be said; its fault is marked with `here`."""
    found = explained_test(body)
    assert found["verdict"] in verdict.split("|"), found
    assert [cause["kind"] for cause in found["causes"][:1]] == ([kind] if kind else []), found
    if kind:
        lines = Body("", body, (), (), "", {}).marked_lines()
        first = found["causes"][0]
        assert (found["call"], first["line"], first["proof"]) == (call, lines["here"], "proven"), found
