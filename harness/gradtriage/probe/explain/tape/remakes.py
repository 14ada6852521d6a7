"""Custom functions made anew for a counterfactual: another backward, another keeper, another helper, or none."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from torch import Tensor

from gradtriage.probe.explain.leaves.transforms import in_transform
from gradtriage.probe.explain.tape.customs import Formula, keeper, own_backward, set_backward, set_keeper
from gradtriage.probe.explain.tape.numeric import Numeric, is_large
from gradtriage.probe.explain.tape.rewrites import Run, called


@dataclass(frozen=True)
class NumericBackward:
    """The operation with a backward made of differences of its forward.

    Attributes:
        only: The operands whose gradients are replaced, by their positions; None for all.
        along: Directions along which alone large operands are moved, by their positions: the ones that they follow when
            the targets do.
    """

    only: frozenset[int] | None = None
    along: Mapping[int, Tensor] = field(default_factory=dict)

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """Runs the forward as it is, and differentiates it entry by entry when the gradient comes.

        Inside a transform it is left to autograd, operation by operation.
        """
        if isinstance(func, type) and in_transform():
            return _left_to_autograd(func, args, self.only)
        places = [index for index, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
        numeric = [self.only is None or place in self.only for place in places]

        def forward(*operands: Tensor) -> list[Tensor]:
            filled = list(args)
            for place, operand in zip(places, operands, strict=True):
                filled[place] = operand
            outputs = called(func, filled, kwargs)
            return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]

        outputs = Numeric.apply(  # type: ignore[no-untyped-call]
            forward, numeric, [self.along.get(place) for place in places], *[args[place] for place in places]
        )
        return outputs[0] if len(outputs) == 1 else tuple(outputs)


@dataclass(frozen=True)
class KeepLargeOperands:
    """An operation as it is, whose large operands are kept.

    Attributes:
        found: Filled with them, by their positions.
    """

    found: dict[int, Tensor]

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """Its own result."""
        for position, operand in enumerate(args):
            if is_large(operand):
                self.found[position] = operand.detach().clone()
        return run()


@dataclass(frozen=True)
class LeftToAutograd:
    """A custom function without its backward, whatever is differentiated again: its forward has to be torch's."""

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """The result of its forward, with a graph."""
        return _left_to_autograd(func, args, None)


def _left_to_autograd(func: Any, args: Sequence[Any], only: frozenset[int] | None) -> Any:
    """A custom function without its backward for chosen operands: the operations of its forward have their own."""
    if only is None:
        return func.forward(*args)
    chosen = [a.detach() if isinstance(a, Tensor) and index in only else a for index, a in enumerate(args)]
    others = [a.detach() if isinstance(a, Tensor) and index not in only else a for index, a in enumerate(args)]
    own, plain = func.apply(*chosen), func.forward(*others)
    if isinstance(own, Tensor):
        return own + (plain - plain.detach())
    return type(own)(one + (other - other.detach()) for one, other in zip(own, plain, strict=True))


@dataclass(frozen=True)
class OtherBackward:
    """A custom function with another backward.

    Attributes:
        change: Makes it of the function's own; None where it cannot.
    """

    change: Callable[[Formula], Formula | None]

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """Changes the function's class for the rest of the replay: its process ends after it."""
        set_backward(func, _changed(own_backward(func), self.change))
        return run()


@dataclass(frozen=True)
class OtherKeeper:
    """A custom function that keeps other values for its backward.

    Attributes:
        change: Makes the function that keeps them of its own; None where it cannot.
    """

    change: Callable[[Formula], Formula | None]

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """Changes the function's class for the rest of the replay."""
        set_keeper(func, _changed(keeper(func), self.change))
        return run()


def _changed(own: Formula | None, change: Callable[[Formula], Formula | None]) -> Formula:
    changed = None if own is None else change(own)
    if changed is None:
        raise ValueError("the source of the formula cannot be changed")
    return changed


@dataclass(frozen=True)
class OwnGradients:
    """A custom function whose backward is handed copies: what it writes into them nobody else reads."""

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """Changes the function's class for the rest of the replay."""
        backward = func.backward

        def on_copies(ctx: Any, *gradients: Any) -> Any:
            return backward(ctx, *[one.clone() if isinstance(one, Tensor) else one for one in gradients])

        if not getattr(backward, "on_copies", False):
            on_copies.on_copies = True  # type: ignore[attr-defined]
            func.backward = staticmethod(on_copies)
        return run()


@dataclass(frozen=True)
class OtherHelper:
    """A custom function one of whose helpers, which its backward calls, is another.

    Attributes:
        file: The helper's.
        line: Its first line.
        change: Makes another function of it; None where it cannot.
    """

    file: str
    line: int
    change: Callable[[Formula], Formula | None]

    def result(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], run: Run, name: str) -> Any:  # noqa: ARG002
        """Changes the helper's code for the rest of the replay, wherever it is known by whichever name."""
        for helper in gc.get_objects():
            if type(helper) is not FunctionType:
                continue
            code = helper.__code__
            if (code.co_filename, code.co_firstlineno) == (self.file, self.line):
                changed = self.change(helper)
                if changed is None:
                    raise ValueError("the source of a helper cannot be changed")
                helper.__code__ = changed.__code__
        return run()
