"""Operations whose slope is meant to differ from the derivative of their forward, and their true slope."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from gradtriage.probe.explain.tape.remakes import NumericBackward

if TYPE_CHECKING:
    from gradtriage.probe.explain.tape.rewrites import Rewrite, Run
    from gradtriage.probe.explain.tape.tape import Operation

# where the functions live that hand on gradients with respect to the tangent space of a Lie group, and what they are
# called; whatever else is in these packages has to have the derivative of its forward
_LIE_MODULES = frozenset({"pypose.lietensor.operation", "lietorch.group_ops"})
_LIE_NAMES = re.compile(r"(?:^|_)(?:Exp|Log|Inv|Mul|Act[34]?|AdjT?(?:Xa)?|Jinvp?|FromVec|ToVec)$")
_LIE = "the gradient of a Lie function is with respect to the tangent space"

# torch's own: what its documentation says about the slope. An option has to be on where one is named.
_EMBEDDING = ("input", "weight", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse")
_BAG = ("input", "weight", "offsets", "max_norm", "norm_type", "scale_grad_by_freq", "mode", "sparse")


@dataclass(frozen=True)
class _Option:
    """An option of a torch function that changes the slope alone.

    Attributes:
        signature: The function's parameters, in order.
        off: The value with which the slope is the derivative.
    """

    signature: tuple[str, ...]
    name: str
    off: object
    reason: str

    def is_on(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        given = {**dict(zip(self.signature, args, strict=False)), **kwargs}.get(self.name)
        return given is not None and given is not self.off


_OPTIONS: dict[str, tuple[_Option, ...]] = {
    "gumbel_softmax": (
        _Option(("logits", "tau", "hard"), "hard", False, "hard samples have the slope of the soft ones"),
    ),
    "embedding": (
        _Option(_EMBEDDING, "padding_idx", None, "the entry of padding_idx takes no gradient"),
        _Option(_EMBEDDING, "scale_grad_by_freq", False, "gradients are divided by the frequency of the entries"),
    ),
    "embedding_bag": (
        _Option(_BAG, "scale_grad_by_freq", False, "gradients are divided by the frequency of the entries"),
    ),
}  # fmt: skip
_STEPS = frozenset(
    {
        "fake_quantize_per_tensor_affine",
        "fake_quantize_per_channel_affine",
        "fused_moving_avg_obs_fake_quant",
        "_fake_quantize_learnable_per_tensor_affine",
        "_fake_quantize_learnable_per_channel_affine",
    }
)
_OTHERS = {
    **dict.fromkeys(_STEPS, "a quantised value has the slope of the value before it"),
    "ctc_loss": "its gradient takes the operand for the output of log_softmax",
}


def meant_slope(func: Any, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Why the slope of an operation is meant to differ from its derivative; empty where it is not."""
    if inspect.isclass(func):
        return _LIE if func.__module__ in _LIE_MODULES and _LIE_NAMES.search(func.__name__) else ""
    if name in _OTHERS:
        return f"{name}: {_OTHERS[name]}"
    on = [option for option in _OPTIONS.get(name, ()) if option.is_on(args, kwargs)]
    return "; ".join(f"{name}({option.name}): {option.reason}" for option in on)


def true_slope(operation: Operation, *, still: bool) -> Rewrite:
    """The operation with the derivative of its forward for a slope.

    Args:
        operation: One with a slope of its own.
        still: Whether its result does not follow its operands: it is a step, and its derivative zero.
    """
    name = operation.key[1]
    if name in _OPTIONS and name != "gumbel_softmax":
        return OptionsOff()
    return Still() if still or name == "gumbel_softmax" else NumericBackward()


@dataclass(frozen=True)
class OptionsOff:
    """A torch function without the options that change its slope."""

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The same values, with the derivative for a slope."""
        options = _OPTIONS[name]
        off = {option.name: option.off for option in options if option.is_on(args, kwargs)}
        signature = options[0].signature
        named = {key: value for key, value in kwargs.items() if key not in off}
        places = {signature.index(key): value for key, value in off.items()}
        return func(*[places.get(index, value) for index, value in enumerate(args)], **named)


@dataclass(frozen=True)
class Still:
    """An operation that hands on no gradient."""

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The same values without a graph."""
        result = run()
        if isinstance(result, Tensor):
            return result.detach()
        if isinstance(result, (tuple, list)):
            return type(result)(item.detach() if isinstance(item, Tensor) else item for item in result)
        return result
