"""The figures of a gradient: status, norms and counts, of any kind of tensor and without ever raising.

Callers hold `reading()`: no gradient is recorded, no mode of the code under test sees the operations.
"""

# ruff: noqa: SLF001 - torch's private state is what is probed

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import torch

from gradtriage.probe.attributes import attributes

Summary = dict[str, Any]

# below this size a Python loop over the values is faster than four reductions
_SMALL = 24
# between these, squares and their sum stay within the range of single precision, and nothing is NaN
_SAFE_PEAK = (1e-15, 1e15)
# from here on a plain sum in single precision loses digits
_LONG = 100_000
_EXACT_ON_CPU = (torch.float64, torch.float32)
_PLAIN = (torch.Tensor, torch.nn.Parameter)


class reading:  # noqa: N801 - used as a context manager, like `torch.no_grad`
    """Switches off what the code under test may have on: gradients, function and dispatch modes, functorch levels."""

    __slots__ = ("_function", "_grad", "_others")

    def __enter__(self) -> None:
        self._function = torch._C.DisableTorchFunction()
        self._function.__enter__()
        self._grad = torch.is_grad_enabled()
        self._others: contextlib.ExitStack | None = None
        if torch._C._len_torch_dispatch_stack() > 0 or torch._C._functorch.peek_interpreter_stack() is not None:
            self._others = contextlib.ExitStack()
            if torch._C._len_torch_dispatch_stack() > 0:
                self._others.enter_context(torch.utils._python_dispatch._disable_current_modes())
            self._others.enter_context(torch._functorch.pyfunctorch.temporarily_clear_interpreter_stack())
        torch._C._set_grad_enabled(False)

    def __exit__(self, *raised: object) -> None:
        torch._C._set_grad_enabled(self._grad)
        if self._others is not None:
            self._others.close()
        self._function.__exit__(None, None, None)


def summaries(gradients: Sequence[torch.Tensor | None], leaves: Sequence[torch.Tensor]) -> list[Summary]:
    """The figures of each gradient; of the leaf where there is none."""
    return [
        _absent(leaf) if gradient is None else _described(gradient)
        for gradient, leaf in zip(gradients, leaves, strict=True)
    ]


def _described(gradient: torch.Tensor) -> Summary:
    if type(gradient) in _PLAIN and gradient.layout is torch.strided and _is_quick(gradient):
        return _small(gradient) if gradient.numel() <= _SMALL else _large(gradient)
    return summary(gradient)


def _is_quick(gradient: torch.Tensor) -> bool:
    return (
        gradient.device.type == "cpu"
        and gradient.dtype in _EXACT_ON_CPU
        and not gradient.is_nested
        and not torch._C._functorch.is_functorch_wrapped_tensor(gradient)
    )


def _small(gradient: torch.Tensor) -> Summary:
    if gradient.dim() == 0:
        values = [gradient.item()]
    elif gradient.dim() == 1:
        values = gradient.tolist()
    else:
        values = gradient.reshape(-1).tolist()
    return {**_figures(values), **form_of(gradient)}


def _figures(values: Sequence[float]) -> Summary:
    """The figures of a few values, in Python."""
    zeros = nans = infs = 0
    largest = 0.0
    for value in values:
        if value == 0.0:
            zeros += 1
        elif value != value:
            nans += 1
        else:
            size = abs(value)
            if size == math.inf:
                infs += 1
            largest = max(largest, size)
    finite = not nans and not infs
    figures = _counted(len(values), zeros, nans, infs, math.hypot(*values) if finite else None, largest)
    if len(values) == 1:
        figures["value"] = values[0] if finite else None
    return figures


def _counted(entries: int, zeros: int, nans: int, infs: int, norm: float | None, largest: float | None) -> Summary:
    if nans:
        status = "nan"
    elif infs:
        status = "inf"
    else:
        status = "zero" if entries and zeros == entries else "ok"
    finite = not nans and not infs
    return {
        "status": status,
        "norm": norm if finite and norm is not None and math.isfinite(norm) else None,
        "max_abs": largest if finite else None,
        "zeros": zeros,
        "nans": nans,
        "infs": infs,
    }


def _large(gradient: torch.Tensor) -> Summary:
    """The figures of a plain CPU tensor of many entries: three cheap reductions if all goes well."""
    low, high = torch.aminmax(gradient)
    peak = max(-low.item(), high.item())
    if peak == 0.0:
        return {**_counted(gradient.numel(), gradient.numel(), 0, 0, 0.0, 0.0), **form_of(gradient)}
    if not _SAFE_PEAK[0] < peak < _SAFE_PEAK[1]:
        return summary(gradient)
    if gradient.numel() > _LONG and gradient.dtype is torch.float32:
        norm = torch.linalg.vector_norm(gradient).item()
    else:
        flat = gradient.reshape(-1)
        norm = math.sqrt(torch.dot(flat, flat).item())
    zeros = gradient.numel() - int(torch.count_nonzero(gradient).item())
    return {**_counted(gradient.numel(), zeros, 0, 0, norm, peak), **form_of(gradient)}


def summary(gradient: torch.Tensor) -> Summary:
    """The figures of one gradient of whatever kind; what cannot be read is said in `unread`."""
    try:
        plain = unwrapped(gradient)
        values, hidden = stored_values(plain)
        return {**figures_of(values, hidden), **form_of(plain)}
    except Exception as error:  # noqa: BLE001 - foreign tensor types fail in foreign ways
        unread = {**_counted(0, 0, 0, 0, None, None), "max_abs": None, "unread": type(error).__name__}
        return {**unread, **form_of(gradient)}


def figures_of(values: torch.Tensor, hidden_zeros: int = 0) -> Summary:
    """The figures of a dense tensor's entries.

    Args:
        values: The entries; complex ones count by their absolute value.
        hidden_zeros: Entries of a sparse tensor that are not stored.
    """
    entries = values.numel() + hidden_zeros
    if values.numel() == 0:
        return _counted(entries, hidden_zeros, 0, 0, 0.0, 0.0)
    if values.is_complex():
        values = values.abs()
    if values.dtype is not torch.float64:
        values = values.float() if values.is_floating_point() else values.double()
    nans = int(values.isnan().sum())
    infs = int(values.isinf().sum())
    zeros = entries - int(torch.count_nonzero(values))
    if nans or infs:
        figures = _counted(entries, zeros, nans, infs, None, None)
    else:
        largest = float(values.abs().max())
        # divided by the largest first: squares of 1e200 and 1e-200 leave the range
        norm = float(torch.linalg.vector_norm(values.double() / largest)) * largest if largest else 0.0
        figures = _counted(entries, zeros, 0, 0, norm, largest)
    if entries == 1:
        figures["value"] = None if nans or infs else float(values.reshape(-1)[0]) if values.numel() else 0.0
    return figures


def unwrapped(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor below functorch's wrappers: of a `vmap`, the whole batch."""
    while torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = torch._C._functorch.get_unwrapped(tensor)
    return tensor


def stored_values(tensor: torch.Tensor) -> tuple[torch.Tensor, int]:
    """A dense tensor of the entries that are stored, and how many zeros are not."""
    if tensor.device.type == "meta" or type(tensor).__name__ == "FakeTensor":
        raise TypeError("a meta or fake tensor has no values")
    if tensor.is_nested:
        return (tensor.values() if tensor.layout is torch.jagged else _flat(tensor.unbind())), 0
    if tensor.layout is torch.sparse_coo:
        values = tensor.coalesce()._values()
    elif tensor.layout is torch.strided:
        return _without_dispatch(tensor), 0
    elif tensor.layout in (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc):
        values = tensor.values()
    else:
        return tensor.to_dense(), 0
    return values, tensor.numel() - values.numel()


def _flat(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat([part.reshape(-1) for part in parts])


def _without_dispatch(tensor: torch.Tensor) -> torch.Tensor:
    """The plain tensor inside a subclass, without running the subclass's own `__torch_dispatch__`."""
    if type(tensor) in _PLAIN or type(tensor).__torch_dispatch__ is torch._C._disabled_torch_dispatch_impl:
        return tensor
    inner: list[torch.Tensor] = [held for _, held in attributes(tensor) if type(held) in _PLAIN]
    inner = [held for held in inner if held.shape == tensor.shape]
    if len(inner) == 1:
        return inner[0]
    with torch._C._DisableTorchDispatch():
        # wrapper subclasses have no memory of their own, and reading it anyway ends the process
        if not inner and tensor.untyped_storage().data_ptr():
            return tensor.detach().as_subclass(torch.Tensor).clone()
    raise TypeError("a wrapper of other tensors has no values of its own")


def _absent(leaf: torch.Tensor) -> Summary:
    return {**_counted(0, 0, 0, 0, None, None), "status": "none", "max_abs": None, **form_of(leaf)}


def form_of(tensor: torch.Tensor) -> Summary:
    """Number of entries, shape, dtype and device."""
    try:
        numel, shape = int(tensor.numel()), list(map(int, tensor.shape))
    except Exception:  # noqa: BLE001 - ragged shapes are refused in several ways
        numel, shape = _ragged(tensor)
    return {"numel": numel, "shape": shape, "dtype": str(tensor.dtype)[6:], "device": str(tensor.device)}


def _ragged(tensor: torch.Tensor) -> tuple[int, list[int]]:
    """Of a nested tensor: the ragged dimension is -1."""
    shape = []
    for dimension in range(tensor.dim()):
        try:
            shape.append(int(tensor.size(dimension)))
        except Exception:  # noqa: BLE001 - as above
            shape.append(-1)
    try:
        return int(tensor.numel()), shape
    except Exception:  # noqa: BLE001 - as above
        return 0, shape
