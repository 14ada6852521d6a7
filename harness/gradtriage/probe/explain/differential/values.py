"""Values of one run that another run is compared with: fingerprints of all of them, the numbers of most."""

from __future__ import annotations

import ctypes
import hashlib
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradtriage.probe.explain.tape.digests import repr_digest

# Relative; what reordering a sum leaves stays far below, what a changed digit makes lies above.
TOLERANCES = {"float64": 1e-10, "complex128": 1e-10, "float32": 1e-5, "complex64": 1e-5, "float16": 1e-2}
TOLERANCE_BFLOAT16 = 5e-2
ALWAYS_KEPT = 4096  # elements
BUDGET = 32 << 20  # bytes of larger tensors whose numbers are kept
_BLOCKS = 64
TEXT = "text"


@dataclass(frozen=True)
class Value:
    """A tensor, or what left torch, at one moment.

    Attributes:
        dtype: Of torch, without its prefix; `text` for what is no number.
        digest: Of every byte.
        blocks: For up to 64 parts of the tensor: the sum of its numbers and of their magnitudes.
        data: The bytes of all numbers; None where they were too many to be kept.
    """

    dtype: str
    shape: tuple[int, ...]
    digest: str
    blocks: tuple[tuple[float, float], ...] = ()
    data: bytes | None = None

    def tensor(self) -> Tensor | None:
        """The numbers as a tensor; None where they were not kept."""
        if self.data is None or self.dtype == TEXT:
            return None
        if not self.data:
            return torch.empty(self.shape, dtype=getattr(torch, self.dtype))
        return torch.frombuffer(bytearray(self.data), dtype=getattr(torch, self.dtype)).reshape(self.shape)

    @property
    def number(self) -> float | None:
        """The one number that it is, or the norm of several; None where it is not finite or unknown."""
        tensor = self.tensor()
        if tensor is None or tensor.is_complex():
            return None
        wide = tensor.double()
        figure = float(wide) if tensor.numel() == 1 else float(torch.linalg.vector_norm(wide))
        return figure if math.isfinite(figure) else None


class Values:
    """The distinct values of a run, each once, by number."""

    def __init__(self) -> None:
        self.table: list[Value] = []
        self._numbers: dict[tuple[str, tuple[int, ...], str], int] = {}
        self._left = BUDGET

    def add(self, thing: Any) -> int:
        """The number of a value; what is no tensor is read as one where it is made of numbers."""
        tensor = as_tensor(thing)
        if tensor is None:
            return self._numbered(Value(TEXT, (), _text_digest(thing)))
        try:
            return self._numbered(self._of(tensor))
        except (RuntimeError, NotImplementedError, TypeError):  # sparse, quantised, on no device
            return self._numbered(Value(TEXT, tuple(tensor.shape), repr_digest(str(tensor.dtype))))

    def _of(self, tensor: Tensor) -> Value:
        flat = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
        size = flat.numel() * flat.element_size()
        data = ctypes.string_at(flat.data_ptr(), size) if size else b""
        dtype, shape = str(flat.dtype).removeprefix("torch."), tuple(flat.shape)
        digest = hashlib.blake2b(data, digest_size=12).hexdigest()
        if (dtype, shape, digest) in self._numbers:
            return self.table[self._numbers[dtype, shape, digest]]
        if flat.numel() <= ALWAYS_KEPT or size <= self._left:
            self._left -= size if flat.numel() > ALWAYS_KEPT else 0
            return Value(dtype, shape, digest, (), data)
        return Value(dtype, shape, digest, _blocks(flat))

    def _numbered(self, value: Value) -> int:
        key = value.dtype, value.shape, value.digest
        if key not in self._numbers:
            self._numbers[key] = len(self.table)
            self.table.append(value)
        return self._numbers[key]


def _text_digest(thing: Any) -> str:
    """Of what is no number; the type alone where the text holds an address, which no two runs share."""
    text = repr(thing)
    return repr_digest(type(thing).__name__ if "0x" in text else text)


def as_tensor(thing: Any) -> Tensor | None:
    """A tensor of the same numbers; None where there are none."""
    if isinstance(thing, Tensor):
        return thing
    try:
        if isinstance(thing, (bool, int, float, complex)):
            return torch.tensor(thing, dtype=torch.complex128 if isinstance(thing, complex) else torch.float64)
        if isinstance(thing, list) and thing and all(isinstance(item, (int, float)) for item in thing):
            return torch.tensor(thing, dtype=torch.float64)
        return torch.as_tensor(thing) if hasattr(thing, "__array_interface__") else None
    except (RuntimeError, TypeError, ValueError, OverflowError):
        return None


def _blocks(flat: Tensor) -> tuple[tuple[float, float], ...]:
    wide = torch.view_as_real(flat) if flat.is_complex() else flat
    parts = wide.reshape(-1).double().tensor_split(_BLOCKS)
    weights = torch.rand(max(part.numel() for part in parts), generator=torch.Generator().manual_seed(1)) + 0.5
    return tuple((float(part @ weights[: part.numel()].double()), float(part.abs().sum())) for part in parts)


def tolerance_of(one: Value, other: Value) -> float:
    """The finer of the two types': a value that lost digits on one side is another value."""
    return min(_tolerance(one.dtype), _tolerance(other.dtype))


def _tolerance(dtype: str) -> float:
    return TOLERANCE_BFLOAT16 if dtype == "bfloat16" else TOLERANCES.get(dtype, 0.0)


def same(one: Value, other: Value, slack: float = 1.0) -> bool:
    """Whether two values are the same within the tolerance of their type; whole numbers and text exactly.

    Args:
        one: A value.
        other: Another.
        slack: How many times the tolerance is allowed.
    """
    if one.shape != other.shape or (one.dtype == TEXT) != (other.dtype == TEXT):
        return False
    if one.digest == other.digest:
        return True
    tolerance = slack * tolerance_of(one, other)
    left, right = one.tensor(), other.tensor()
    if left is not None and right is not None:
        return _close(left, right, tolerance)
    if tolerance == 0.0 or not one.blocks or not other.blocks:
        return False
    return all(
        a == b or (a != a and b != b) or abs(a - b) <= tolerance * max(size, other_size)
        for (a, size), (b, other_size) in zip(one.blocks, other.blocks, strict=True)
    )


def _close(left: Tensor, right: Tensor, tolerance: float) -> bool:
    wide = torch.complex128 if left.is_complex() or right.is_complex() else torch.float64
    left, right = left.to(wide), right.to(wide)
    finite = right.abs()[right.isfinite()]
    # an entry that cancels has the noise of those that it was made of
    floor = tolerance * float(finite.max()) if finite.numel() else 0.0
    return bool(torch.isclose(left, right, rtol=tolerance, atol=floor, equal_nan=True).all())


def relative_difference(one: Value | None, other: Value | None) -> float | None:
    """The norm of the difference over that of the first; None where it cannot be told or is not finite."""
    left, right = (None if value is None else value.tensor() for value in (one, other))
    if left is None or right is None or left.shape != right.shape:
        return None
    wide = torch.complex128 if left.is_complex() or right.is_complex() else torch.float64
    left, right = left.to(wide), right.to(wide)
    apart, size = float(torch.linalg.vector_norm(left - right)), float(torch.linalg.vector_norm(left))
    found = apart / size if size else (0.0 if apart == 0 else math.inf)
    return found if math.isfinite(found) else None
