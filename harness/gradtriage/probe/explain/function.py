"""`gradtriage.explain`: the gradients of a function's value with respect to its parameters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gradtriage.probe.explain.account.document import diagnosis_document
from gradtriage.probe.explain.compiled.agreement import add_compiled
from gradtriage.probe.explain.examination.examine import examine
from gradtriage.probe.explain.program import GradientCall, Observer, Program
from gradtriage.probe.explain.source.sites import calling_site

if TYPE_CHECKING:
    from gradtriage.probe.explain.account.diagnosis import Diagnosis

Parameters = Tensor | Sequence[Tensor] | Mapping[str, Tensor] | torch.nn.Module


@dataclass(frozen=True)
class Explanation:
    """Why a function's gradients are what they are.

    Attributes:
        document: The whole of it, in the form of `diagnosis.json`.
    """

    document: dict[str, Any]

    @property
    def verdict(self) -> str:
        """`healthy`, or what is wrong, as in the contract."""
        return str(self.document["verdict"])

    @property
    def causes(self) -> list[dict[str, Any]]:
        """The causes, the likeliest first."""
        return list(self.document["causes"])

    def __str__(self) -> str:
        lines = [f"verdict: {self.verdict}"]
        for cause in self.causes:
            lines.append(
                f"{cause['file']}:{cause['line']}: {cause['kind']} ({cause['proof']}): {', '.join(cause['parameters'])}"
            )
            lines.append(f"    {cause['source']}")
            lines.append(f"    {cause['fix']}")
        lines += [f"by design: {d['file']}:{d['line']}: {d['reason']}" for d in self.document["by_design"]]
        return "\n".join(lines)


def explain(
    function: Callable[..., Tensor], parameters: Parameters, *, seconds: float = 60.0, by_design: Sequence[str] = ()
) -> Explanation:
    """Explains the gradients of `function` with respect to its parameters.

    The function is run again and again in forked children; nothing that it does reaches this process.

    Args:
        function: Gives a tensor; where it is no scalar its sum is differentiated.
        parameters: A tensor or a sequence of tensors (given by position), a mapping (given by name), or a module
            whose parameters are meant (the function is then called without arguments).
        seconds: Time for one evaluation.
        by_design: Where gradients are stopped or replaced on purpose: `file.py` or `file.py::function`.

    Raises:
        RuntimeError: Processes cannot be forked here (CUDA is in use, or the system has no fork).
    """
    if not hasattr(sys.modules["os"], "fork") or bool(torch.cuda.is_initialized()):  # type: ignore[no-untyped-call]
        raise RuntimeError("explain needs to fork this process; it cannot on this system, or once CUDA is in use")
    named, call = _named(function, parameters)
    frozen = [tensor for tensor in named.values() if not tensor.requires_grad]
    for tensor in frozen:
        tensor.requires_grad_()
    try:
        site = calling_site(2)
        program = _program(call, named, {"file": site.file, "line": site.line})
        diagnosis = examine(program, seconds=seconds, by_design=by_design)
        document = _document(diagnosis, getattr(function, "__qualname__", repr(function)))
        document = add_compiled(document, program, Path.cwd(), seconds)
    finally:
        for tensor in frozen:
            tensor.requires_grad_(False)
    return Explanation(document)


def _document(diagnosis: Diagnosis, name: str) -> dict[str, Any]:
    return diagnosis_document(diagnosis, name, "passed" if diagnosis.listing else "error", Path.cwd())


def _named(function: Callable[..., Tensor], parameters: Parameters) -> tuple[dict[str, Tensor], Callable[[], Tensor]]:
    if isinstance(parameters, torch.nn.Module):
        return dict(parameters.named_parameters()), function
    if isinstance(parameters, Mapping):
        return dict(parameters), lambda: function(**parameters)
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return {f"p{index}": tensor for index, tensor in enumerate(tensors)}, lambda: function(*tensors)


def _program(call: Callable[[], Tensor], named: Mapping[str, Tensor], where: dict[str, Any]) -> Program:
    def run(observer: Observer) -> None:
        loss = call()
        targets, names = list(named.values()), list(named)
        again = lambda: [call()]  # noqa: E731
        observer.opened(GradientCall(1, "backward", where, [loss], [None], targets, names, made=False, again=again))

    return run
