"""The result of one operation as what is differentiated: kept, to ask for its gradient, and moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from gradtriage.probe.explain.leaves.identity import direction, scale_of

if TYPE_CHECKING:
    from gradtriage.probe.explain.tape.rewrites import Run


class Kept:
    """An operation as it is, its result remembered."""

    def __init__(self) -> None:
        self.tensor: Tensor | None = None

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The operation's own result."""
        result = run()
        if isinstance(result, Tensor):
            self.tensor = result
        return result


@dataclass(frozen=True)
class Moved:
    """An operation whose result is moved along a fixed random direction.

    Attributes:
        step: Relative length of the step.
    """

    step: float

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The operation's result, moved; its graph is as it was."""
        result = run()
        if not isinstance(result, Tensor):
            return result
        return result + (_along(result) * self.step).to(result.dtype)

    def along(self, tensor: Tensor, gradient: Tensor | None) -> float:
        """The derivative along the direction by a gradient; 0 where there is none."""
        if gradient is None:
            return 0.0
        step = _along(tensor)
        product = gradient.to(step.dtype).conj() * step
        return float((product.real if product.is_complex() else product).sum())


def _along(tensor: Tensor) -> Tensor:
    return direction(tensor.shape, scale_of(tensor), 0, complex_=tensor.is_complex())
