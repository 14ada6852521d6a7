"""What a watched gradient call asks, in the form in which it is examined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from gradtriage.probe.calls import BackwardCall, GradCall, WatchedCall, argument, as_sequence
from gradtriage.probe.explain.leaves.transforms import Wrapped, is_wrapped, outside, physical
from gradtriage.probe.explain.program import GradientCall
from gradtriage.probe.functional import FunctionalCall
from gradtriage.probe.gradcheck import GradcheckCall

# of `autograd.grad`; `backward` takes them one place earlier
_KEEPING = ((3, "retain_graph"), (4, "create_graph"))


def gradient_call(number: int, call: WatchedCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> GradientCall | None:
    """The question behind a watched call; None for one that cannot be put as roots and targets.

    A check or a transform hands over a function and inputs: the function is evaluated here once more, and its outputs,
    with fixed random weights, are what is differentiated.

    Args:
        number: Of the call within the body.
        call: The call, before it runs.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
    """
    names = [name for name, _ in call.asked]
    targets = [tensor for _, tensor in call.asked]
    if isinstance(call, (BackwardCall, GradCall)):
        backward = isinstance(call, BackwardCall)
        first = args[0] if args else kwargs.get("tensors", kwargs.get("outputs", kwargs.get("self")))
        second = argument(args, kwargs, 1 if backward else 2, "grad_tensors" if backward else "grad_outputs")
        roots = [root for root in as_sequence(first) if isinstance(root, Tensor) and not is_wrapped(root)]
        weights = as_sequence(second if second is not None else kwargs.get("gradient"))
        weights = weights if len(weights) == len(roots) else [None] * len(roots)
        keeps = [argument(args, kwargs, at - backward, name) for at, name in _KEEPING]
        found = GradientCall(number, call.kind, call.where, roots, weights, targets, names, frees=not any(keeps))
        return found if roots else None
    if isinstance(call, GradcheckCall):
        function, inputs = argument(args, kwargs, 0, "func"), as_sequence(argument(args, kwargs, 1, "inputs"))
        leaves = {id(tensor): _leaf_of(tensor) for tensor in targets}
        given = [leaves.get(id(value), value) for value in inputs]
        targets = [leaves[id(tensor)] for tensor in targets]
        if call.kind == "gradgradcheck":
            return _weighted(
                number, call, lambda: _first_derivatives(_outputs(function, given), targets), targets, names
            )
        return _weighted(number, call, lambda: _outputs(function, given), targets, names)
    if isinstance(call, FunctionalCall) and call.function is not None:
        return _of_function(number, call, args, kwargs)
    return None


def _leaf_of(tensor: Tensor) -> Tensor:
    """What a check differentiates by is the values of its inputs, wherever these come from."""
    return tensor if tensor.is_leaf else tensor.detach().clone().requires_grad_()


def _of_function(
    number: int, call: FunctionalCall, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> GradientCall | None:
    direct = bool(args) and args[0] is call.function
    given = as_sequence(argument(args, kwargs, 1, "inputs")) if direct else list(args)
    leaves = {id(tensor): Wrapped.of(tensor) for _, tensor in call.asked}
    for leaf in leaves.values():
        leaf.values.requires_grad = True  # `requires_grad_()` is refused inside transforms

    def filled_in(value: Any) -> Any:
        return leaves[id(value)].tensor() if id(value) in leaves else value

    filled = [pytree.tree_map(filled_in, value) for value in given]
    function = call.function
    assert function is not None  # noqa: S101 - asked for by the caller
    names = [name for name, _ in call.asked]
    targets = [leaves[id(tensor)].values for _, tensor in call.asked]

    def evaluate() -> list[Tensor]:
        return list(map(physical, _outputs(function, filled, {} if direct else kwargs)))

    return _weighted(number, call, evaluate, targets, names)


def _outputs(function: Callable[..., Any], given: Sequence[Any], kwargs: dict[str, Any] | None = None) -> list[Tensor]:
    """The function's floating-point outputs; the generators are afterwards as they were."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        result = function(*given, **(kwargs or {}))
    return [
        output
        for output in as_sequence(result)
        if isinstance(output, Tensor) and (output.is_floating_point() or output.is_complex())
    ]


def _first_derivatives(outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> list[Tensor]:
    total = sum(
        (output * _weights(output)).real.sum() if output.is_complex() else (output * _weights(output)).sum()
        for output in outputs
    )
    if not isinstance(total, Tensor) or not total.requires_grad:
        return []
    found = torch.autograd.grad(total, list(targets), create_graph=True, allow_unused=True)
    return [gradient for gradient in found if gradient is not None]


def _weighted(
    number: int,
    call: WatchedCall,
    evaluate: Callable[[], list[Tensor]],
    targets: Sequence[Tensor],
    names: Sequence[str],
) -> GradientCall | None:
    outputs = evaluate()
    with outside():
        weights: list[Tensor | None] = [_weights(output) for output in outputs]
    if not outputs:
        return None
    return GradientCall(number, call.kind, call.where, outputs, weights, targets, names, again=evaluate)


def _weights(output: Tensor) -> Tensor:
    """Fixed weights between 1/2 and 3/2: an output's entries cannot cancel by symmetry."""
    numbers = torch.rand(output.shape, generator=torch.Generator().manual_seed(0x6772AD03), dtype=torch.float64) + 0.5
    return numbers.to(device=output.device, dtype=output.dtype)
