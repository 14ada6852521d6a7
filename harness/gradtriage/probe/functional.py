"""`torch.func` and `torch.autograd.functional`: derivatives of functions, recorded when they are computed."""

# ruff: noqa: ANN401 - values of any type come by here

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from torch.utils import _pytree as pytree

from gradtriage.probe.calls import WatchedCall, argument, loss_of
from gradtriage.probe.interception import admits, watched
from gradtriage.probe.names import key_name, parameter_names
from gradtriage.probe.statistics import Summary, figures_of, form_of, stored_values, summaries, unwrapped
from gradtriage.probe.visible import look

if TYPE_CHECKING:
    from gradtriage.probe.sinks import Sink

Part = Callable[[Any], Any]


@dataclass(frozen=True)
class Form:
    """How a function of torch returns its derivatives.

    Attributes:
        kind: The record's kind.
        derivative: Picks the derivatives out of the result.
        value: Picks the function's value, where it is in the result.
        nested: How many inputs deep: a Hessian has one level for rows and one for columns.
        of_outputs: Whether the derivatives belong to the outputs (forward mode) and not to the inputs.
    """

    kind: str
    derivative: Part
    value: Part | None = None
    nested: int = 1
    of_outputs: bool = False


def _all(result: Any) -> Any:
    return result


def _first(result: Any) -> Any:
    return result[0]


def _second(result: Any) -> Any:
    return result[1]


def _first_of_second(result: Any) -> Any:
    return result[1][0]


class FunctionalCall(WatchedCall):
    """A derivative of a function with respect to some of its arguments."""

    def __init__(
        self,
        sink: Sink,
        form: Form,
        inputs: Sequence[tuple[str | None, Any]],
        function: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(sink)
        self.kind = form.kind
        self.function = function
        self._form = form
        self._arguments = inputs
        self._tensors: list[torch.Tensor] = []
        self._names: list[str] = []

    def before(self, frame: FrameType) -> None:
        """Names the tensors among the arguments: by what the test calls them, else by the function's parameters."""
        stack, names = self.place(frame)
        found = [pair for parameter, given in self._arguments for pair in tensors_in(given, parameter)]
        self._arguments = ()
        view = look(stack, {id(tensor) for _, tensor in found})
        self._tensors = [tensor for _, tensor in found]
        self._names = [names.give(view.name(tensor) or label) for label, tensor in found]
        self.asked = list(zip(self._names, self._tensors, strict=True))

    def record(self, result: Any, raised: str | None) -> dict[str, Any]:
        """The derivatives with respect to each tensor, all outputs together."""
        if raised is not None:
            return self.entries(self._names, summaries([None] * len(self._tensors), self._tensors), raised)
        if self._form.value is not None:
            self.loss = loss_of(_tensors(self._form.value(result)))
        derivatives = _tensors(self._form.derivative(result))
        if self._form.of_outputs:
            labels = [f"output[{i}]" for i in range(len(derivatives))] if len(derivatives) > 1 else ["output"]
            return self.entries(labels[: len(derivatives)], summaries(derivatives, derivatives), raised)
        width = len(self._tensors)
        groups: list[list[torch.Tensor]] = [[] for _ in range(width)]
        for position, derivative in enumerate(derivatives):
            groups[position // width ** (self._form.nested - 1) % width].append(derivative)
        return self.entries(self._names, [_figures(t, g) for t, g in zip(self._tensors, groups, strict=True)], raised)


def _tensors(value: Any) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _figures(tensor: torch.Tensor, blocks: list[torch.Tensor]) -> Summary:
    """The figures of one tensor's derivatives, which may be several blocks of other shapes than the tensor."""
    if len(blocks) != 1 or unwrapped(blocks[0]).shape != unwrapped(tensor).shape:
        try:
            entries = [stored_values(unwrapped(block))[0].reshape(-1) for block in blocks]
            figures = figures_of(torch.cat(entries) if entries else torch.empty(0))
            return {**figures, "entries": sum(map(len, entries)), **form_of(unwrapped(tensor))}
        except Exception as error:  # noqa: BLE001 - foreign tensor types fail in foreign ways
            return {**summaries([None], [tensor])[0], "unread": type(error).__name__}
    return summaries(blocks, [tensor])[0]


def tensors_in(value: Any, name: str | None) -> list[tuple[str | None, torch.Tensor]]:
    """The tensors in an argument, in the order of torch's pytrees, with names that their places give."""
    if isinstance(value, torch.Tensor):
        return [(name, value)]
    found: list[tuple[str | None, torch.Tensor]] = []
    for path, leaf in pytree.tree_flatten_with_path(value)[0]:
        if isinstance(leaf, torch.Tensor):
            label = name or "args"
            for step in path:
                if isinstance(step, pytree.SequenceKey):
                    label = f"{label}[{step.idx}]"
                elif isinstance(step, pytree.MappingKey):
                    label = key_name(label, step.key, of_module=False)
                else:
                    label = str(getattr(step, "name", label))
            found.append((label, leaf))
    return found


def _chosen(function: Any, argnums: Any, args: tuple[Any, ...]) -> list[tuple[str | None, Any]]:
    """The arguments that are differentiated, with the names of their parameters."""
    names = parameter_names(function, len(args))
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    return [(names[index], args[index]) for index in wanted]


def transform(original: Callable[..., Any], form: Form, form_with_aux: Form) -> Callable[..., Any]:
    """`grad`, `jacrev` and their kin: what they return is watched when it is called."""

    @functools.wraps(original)
    def make(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        made = original(*args, **kwargs)
        if torch.compiler.is_compiling():
            return made
        function = argument(args, kwargs, 0, "func")
        argnums = argument(args, kwargs, 1, "argnums")
        aux = argument(args, kwargs, 2, "has_aux")

        def open_transformed(sink: Sink, given: tuple[Any, ...], _: dict[str, Any]) -> FunctionalCall:
            chosen = _chosen(function, 0 if argnums is None else argnums, given)
            return FunctionalCall(sink, form_with_aux if aux else form, chosen, None if aux else function)

        return watched(made, open_transformed)

    return make


def pullback(original: Callable[..., Any]) -> Callable[..., Any]:
    """`torch.func.vjp`: the function that it returns is watched when it is called."""

    @functools.wraps(original)
    def vjp(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        result = original(*args, **kwargs)
        if torch.compiler.is_compiling() or not admits() or not isinstance(result, tuple):
            return result
        primals = args[1:]
        names = parameter_names(args[0], len(primals)) if args else []

        def open_pullback(sink: Sink, _: tuple[Any, ...], __: dict[str, Any]) -> FunctionalCall:
            return FunctionalCall(sink, Form("functional", _all), list(zip(names, primals, strict=True)))

        return (result[0], watched(result[1], open_pullback), *result[2:])

    return vjp


def direct(original: Callable[..., Any], form: Form, *, several: bool) -> Callable[..., Any]:
    """A function that differentiates at once.

    Args:
        original: The function of torch.
        form: What it returns.
        several: Whether its second argument is a tuple of primals whatever the function takes (`torch.func.jvp`).
    """

    def open_direct(sink: Sink, args: tuple[Any, ...], kwargs: dict[str, Any]) -> FunctionalCall:
        function = argument(args, kwargs, 0, "func")
        given = argument(args, kwargs, 1, "primals" if several else "inputs")
        inputs = tuple(given) if isinstance(given, (tuple, list)) else (given,)
        return FunctionalCall(
            sink, form, list(zip(parameter_names(function, len(inputs)), inputs, strict=True)), function
        )

    return watched(original, open_direct)


_TRANSFORMS = {
    "grad": (Form("functional", _all), Form("functional", _first)),
    "grad_and_value": (Form("functional", _first, _second), Form("functional", _first, _first_of_second)),
    "jacrev": (Form("jacobian", _all), Form("jacobian", _first)),
    "jacfwd": (Form("jacobian", _all), Form("jacobian", _first)),
    "hessian": (Form("functional", _all, nested=2), Form("functional", _all, nested=2)),
}

_DIRECT = {
    "jacobian": Form("jacobian", _all),
    "hessian": Form("functional", _all, nested=2),
    "vjp": Form("functional", _second, _first),
    "jvp": Form("functional", _second, _first, of_outputs=True),
    "vhp": Form("functional", _second, _first),
    "hvp": Form("functional", _second, _first),
}


def func_wrapper(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper of a function of `torch.func`."""
    if name in _TRANSFORMS:
        return transform(original, *_TRANSFORMS[name])
    if name == "vjp":
        return pullback(original)
    return direct(original, Form("functional", _second, _first, of_outputs=True), several=True)


def functional_wrapper(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper of a function of `torch.autograd.functional`."""
    return direct(original, _DIRECT[name], several=False)


FUNC_NAMES = (*_TRANSFORMS, "vjp", "jvp")
FUNCTIONAL_NAMES = tuple(_DIRECT)
