"""`gradcheck` and `gradgradcheck`: the Jacobians that they compare, overheard on the way and never computed again.

The private helpers of `torch.autograd.gradcheck` are wrapped too; while a call is watched they hand their results
to it. A helper that a version of torch does not have is passed over: the call is recorded all the same, with fewer
figures.
"""

# ruff: noqa: ANN401 - values of any type come by here

from __future__ import annotations

import contextlib
import functools
import math
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch

from gradtriage.probe.calls import WatchedCall, argument, loss_of
from gradtriage.probe.names import parameter_names
from gradtriage.probe.statistics import Summary, figures_of, form_of, reading
from gradtriage.probe.visible import look

if TYPE_CHECKING:
    from gradtriage.probe.sinks import Sink

_thread = threading.local()


class Entries:
    """Running figures of the entries of one input's Jacobian."""

    def __init__(self) -> None:
        self.count = self.zeros = self.nans = self.infs = 0
        self.norms: list[float] = []
        self.largest = 0.0
        self.value: float | None = None

    def add(self, jacobian: torch.Tensor) -> None:
        """Takes a block: the derivatives of one output."""
        figures = figures_of(jacobian)
        self.count += jacobian.numel()
        self.zeros += figures["zeros"]
        self.nans += figures["nans"]
        self.infs += figures["infs"]
        self.norms.append(math.nan if figures["norm"] is None else figures["norm"])
        self.largest = max(self.largest, figures["max_abs"] or 0.0)
        self.value = figures.get("value") if self.count == 1 else None

    @property
    def all_zero(self) -> bool:
        """Whether there is no entry that is not zero."""
        return self.zeros == self.count

    @property
    def norm(self) -> float | None:
        """The Frobenius norm, None if an entry is not finite."""
        norm = math.hypot(*self.norms)
        return norm if math.isfinite(norm) else None

    @property
    def status(self) -> str:
        """As of a gradient."""
        if self.nans or self.infs:
            return "nan" if self.nans else "inf"
        return "zero" if self.count and self.all_zero else "ok"


class Overheard:
    """What the helpers said during one check: for each input that requires a gradient, two Jacobians.

    Backward mode is kept apart from forward mode, which may be checked besides; in fast mode the entries are those
    of random projections.
    """

    def __init__(self, *, fast: bool) -> None:
        self.fast = fast
        self.inputs: list[torch.Tensor] = []
        self.loss: dict[str, Any] = {"loss": None}
        self.analytic: dict[tuple[str, int], Entries] = {}
        self.numeric: dict[tuple[str, int], Entries] = {}

    def of(self, table: dict[tuple[str, int], Entries], index: int) -> Entries | None:
        """An input's entries, of backward mode where it was checked."""
        return table.get(("backward", index)) or table.get(("forward", index))

    def hear(self, table: dict[tuple[str, int], Entries], mode: str, blocks: Any) -> None:
        """Takes one block of entries for each input."""
        for index, block in enumerate(blocks):
            table.setdefault((mode, index), Entries()).add(block)


def _numerical(heard: Overheard, result: Any, arguments: dict[str, Any]) -> None:
    """`_get_numerical_jacobian`: for each input, one Jacobian an output."""
    if heard.fast:
        return  # the slow comparison that explains a failure of the fast one
    mode = "forward" if arguments.get("is_forward_ad") else "backward"
    _inputs_of(heard, arguments.get("inputs"))
    _loss_of(heard, arguments.get("outputs"))
    for blocks in zip(*result, strict=False):
        heard.hear(heard.numeric, mode, blocks)


def _analytical(heard: Overheard, result: Any, arguments: dict[str, Any]) -> None:
    """`_check_analytical_jacobian_attributes`: one Jacobian an input, for one output."""
    if bool(arguments.get("fast_mode")) is heard.fast:
        _inputs_of(heard, arguments.get("inputs"))
        heard.hear(heard.analytic, "backward", result)


def _numerical_fast(heard: Overheard, result: Any, arguments: dict[str, Any]) -> None:
    """`_get_numerical_vJu`: for each input, one projected number an output."""
    mode = "forward" if arguments.get("is_forward_ad") else "backward"
    _inputs_of(heard, arguments.get("inputs"))
    _loss_of(heard, arguments.get("func_out"))
    for blocks in zip(*result, strict=False):
        heard.hear(heard.numeric, mode, blocks)


def _analytical_forward(heard: Overheard, result: Any, arguments: dict[str, Any]) -> None:
    """`_get_analytical_jacobian_forward_ad`: for each input, one Jacobian an output."""
    if (arguments.get("all_u") is not None) is heard.fast:
        for blocks in zip(*result, strict=False):
            heard.hear(heard.analytic, "forward", blocks)


def _inputs_of(heard: Overheard, inputs: Any) -> None:
    if not heard.inputs:
        given = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        heard.inputs = [t for t in given if isinstance(t, torch.Tensor) and t.requires_grad]


def _loss_of(heard: Overheard, outputs: Any) -> None:
    if heard.loss == {"loss": None} and outputs is not None:
        given = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        heard.loss = loss_of([t for t in given if isinstance(t, torch.Tensor)])


HELPERS: dict[str, tuple[Callable[[Overheard, Any, dict[str, Any]], None], tuple[str, ...]]] = {
    "_get_numerical_jacobian": (_numerical, ("fn", "inputs", "outputs", "target", "eps", "is_forward_ad")),
    "_check_analytical_jacobian_attributes": (
        _analytical,
        ("inputs", "output", "nondet_tol", "check_grad_dtypes", "fast_mode", "v"),
    ),
    "_get_numerical_vJu": (
        _numerical_fast,
        ("fn", "inputs", "inp_indices", "func_out", "all_u", "all_v", "eps", "is_forward_ad"),
    ),
    "_get_analytical_jacobian_forward_ad": (_analytical_forward, ("fn", "inputs", "outputs")),
}


def overhearing(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """A private helper of gradcheck, its results handed to the check that is being watched."""
    listen, parameters = HELPERS[name]

    @functools.wraps(original)
    def helper(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        result = original(*args, **kwargs)
        heard: Overheard | None = getattr(_thread, "heard", None)
        if heard is not None:
            with contextlib.suppress(Exception), reading():
                listen(heard, result, {**dict(zip(parameters, args, strict=False)), **kwargs})
        return result

    return helper


class GradcheckCall(WatchedCall):
    """A check of analytic derivatives against numeric ones."""

    def __init__(self, sink: Sink, kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super().__init__(sink)
        self.kind = kind
        self._function = argument(args, kwargs, 0, "func")
        given = argument(args, kwargs, 1, "inputs")
        self._given = list(given) if isinstance(given, (tuple, list)) else [given]
        self._quiet = kwargs.get("raise_exception") is False
        self._heard = Overheard(fast=bool(kwargs.get("fast_mode")))
        self._names: list[str] = []
        self._inputs: list[torch.Tensor] = []

    def before(self, frame: FrameType) -> None:
        """Names the inputs that require a gradient and starts to listen."""
        stack, names = self.place(frame)
        called = parameter_names(self._function, len(self._given))
        self._function = None
        view = look(stack, {id(given) for given in self._given})
        for given, parameter in zip(self._given, called, strict=True):
            if isinstance(given, torch.Tensor) and given.requires_grad:
                self._inputs.append(given)
                self._names.append(names.give(view.name(given) or parameter))
        self.asked = list(zip(self._names, self._inputs, strict=True))
        self._numbered = names
        _thread.heard = self._heard

    def release(self) -> None:
        """Stops listening."""
        _thread.heard = None

    def record(self, result: Any, raised: str | None) -> dict[str, Any]:
        """The figures of both Jacobians for each input; those of `gradgradcheck` cover its grad_outputs too."""
        self.release()
        if self._quiet and raised is None:
            self.extra["passed"] = bool(result)
        if self._heard.fast:
            self.extra["projected"] = True
        self.loss = self._heard.loss if self.kind == "gradcheck" else {"loss": None}
        inputs, names = list(self._inputs), list(self._names)
        for index, extra in enumerate(self._heard.inputs[len(inputs) :]):
            inputs.append(extra)
            names.append(self._numbered.give(f"grad_outputs[{index}]"))
        found = [self._entry(index, tensor) for index, tensor in enumerate(inputs)]
        return self.entries(names, found, raised)

    def _entry(self, index: int, tensor: torch.Tensor) -> Summary:
        analytic = self._heard.of(self._heard.analytic, index)
        numeric = self._heard.of(self._heard.numeric, index)
        entry: Summary = {"status": "none", "norm": None, "max_abs": None, "zeros": 0, "nans": 0, "infs": 0}
        if analytic is not None:
            finite = not analytic.nans and not analytic.infs
            entry = {
                "status": analytic.status,
                "norm": analytic.norm,
                "max_abs": analytic.largest if finite else None,
                "zeros": analytic.zeros,
                "nans": analytic.nans,
                "infs": analytic.infs,
                "entries": analytic.count,
            }
            if analytic.count == 1:
                entry["value"] = analytic.value
        elif numeric is None:
            entry["unread"] = "not compared"
        if numeric is not None:
            entry["numeric"] = numeric.value if numeric.count == 1 else numeric.norm
            entry["vacuous"] = numeric.all_zero and (analytic is None or analytic.all_zero)
        return {**entry, **form_of(tensor)}


def open_gradcheck(sink: Sink, args: tuple[Any, ...], kwargs: dict[str, Any]) -> GradcheckCall:
    """Of `gradcheck(func, inputs, ...)`."""
    return GradcheckCall(sink, "gradcheck", args, kwargs)


def open_gradgradcheck(sink: Sink, args: tuple[Any, ...], kwargs: dict[str, Any]) -> GradcheckCall:
    """Of `gradgradcheck(func, inputs, grad_outputs, ...)`."""
    return GradcheckCall(sink, "gradgradcheck", args, kwargs)


def helpers_of(module: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The helpers that this version of torch has, each with its wrapper."""
    for name in HELPERS:
        original = vars(module).get(name)
        if callable(original):
            yield name, overhearing(name, original)
