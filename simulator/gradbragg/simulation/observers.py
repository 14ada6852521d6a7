"""Whether somebody watches the single operations of torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch._C import _functorch
from torch.autograd import forward_ad
from torch.overrides import _get_current_function_mode_stack
from torch.utils._device import DeviceContext
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

if TYPE_CHECKING:
    from collections.abc import Iterable


def operations_observed(tensors: Iterable[Tensor]) -> bool:
    """Whether somebody must see the single operations: the work cannot be done behind torch's back then.

    That is so under a function transform other than ``vmap``, in forward-mode differentiation, while a graph is
    traced, under a mode that looks at operations, and for tensors of another class.

    Args:
        tensors: What is computed with.
    """
    transforms = _functorch.get_interpreter_stack() or ()
    if any(transform.key() != _functorch.TransformType.Vmap for transform in transforms):
        return True
    if forward_ad._current_level >= 0 or torch.compiler.is_compiling() or torch._C._get_tracing_state():  # noqa: SLF001
        return True
    modes = _get_current_function_mode_stack()  # type: ignore[no-untyped-call]
    functions = (mode for mode in modes if not isinstance(mode, DeviceContext))
    if any(True for _ in functions) or _get_current_dispatch_mode_stack():
        return True
    return any(type(tensor) not in (Tensor, torch.nn.Parameter) for tensor in tensors)
