"""What kind of value each field of a configuration takes: a number, a tensor, how many entries.

A tensor may have dimensions before its field's own: it then stands for a batch (``models.batch``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import Field, fields
from numbers import Integral, Real
from types import MappingProxyType

import numpy as np
from torch import Tensor

from gradbragg.errors import ConfigError

ANY = -1
"""A dimension of any length."""

OWN_SHAPES = MappingProxyType(
    {
        **dict.fromkeys(("misset_deg", "n_cells", "crystal_size_mm", "spindle_axis"), (3,)),
        **dict.fromkeys(("direction", "polarization_axis", "rotation_deg", "pix0_mm"), (3,)),
        **dict.fromkeys(("fast_axis", "slow_axis", "normal", "twotheta_axis"), (3,)),
        **dict.fromkeys(("detector_size_mm", "beam_center_mm", "near_point_mm", "origin_pixels"), (2,)),
        **dict.fromkeys(("source_weights", "source_wavelengths_angstrom"), (ANY,)),
        "source_positions": (ANY, 3),
        "reciprocal_matrix": (3, 3),
    }
)
"""Shapes of the continuous fields that are not single numbers."""


def own_shape(field: Field[object]) -> tuple[int, ...] | None:
    """The shape of a field's value without batches; None for what is not continuous."""
    if field.name in OWN_SHAPES:
        return OWN_SHAPES[field.name]
    return () if "Scalar" in str(field.type) else None


def continuous_values(config: object) -> Iterator[tuple[Field[object], tuple[int, ...], object]]:
    """Field, own shape and value of everything continuous that is set."""
    for field in fields(config):  # type: ignore[arg-type]
        shape, value = own_shape(field), getattr(config, field.name)
        if shape is not None and value is not None:
            # one number, or one for each axis
            single = str(field.type).endswith("| Scalar") and (
                isinstance(value, Real) or getattr(value, "ndim", 1) == 0
            )
            yield field, () if single else shape, value


def entries_of(value: object) -> Iterable[object]:
    """The entries of a sequence; a number or a tensor is its own only entry."""
    return value if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str) else (value,)


def check_kinds(config: object) -> None:
    """Refuse values of a wrong kind or shape.

    Raises:
        ConfigError: A count is no whole number, or a continuous field is no number, no tensor, or of a shape
            that does not fit.
    """
    for field in fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        if value is None and "None" not in str(field.type):
            raise ConfigError(f"{field.name} is None; a value is needed")
        if value is not None and str(field.type) in ("int", "int | None") and not isinstance(value, Integral):
            raise ConfigError(f"{field.name} is {value!r}; a whole number is needed")
    for field, shape, value in continuous_values(config):
        if not _fits(value, shape, entries_open="Scalar | None" in str(field.type) or "Pair" in str(field.type)):
            raise ConfigError(f"{field.name} is {_described(value)}; {_wanted(shape)} is needed")


def _fits(value: object, shape: tuple[int, ...], entries_open: bool) -> bool:
    if isinstance(value, Tensor):
        return fits_shape(value, shape)
    if not shape:
        return isinstance(value, Real)
    entries = list(entries_of(value))
    if len(shape) > 1 or ANY in shape or len(entries) != shape[0]:
        return False
    return all(isinstance(one, (Real, Tensor)) or (one is None and entries_open) for one in entries)


def fits_shape(value: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether a tensor's last dimensions are these."""
    last = value.shape[value.ndim - len(shape) :]
    return value.ndim >= len(shape) and all(want in (ANY, got) for want, got in zip(shape, last, strict=True))


def _described(value: object) -> str:
    return f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)[:60]


def _wanted(shape: tuple[int, ...]) -> str:
    if not shape:
        return "a number or a tensor"
    sizes = ", ".join("n" if size == ANY else str(size) for size in shape) + ("," if len(shape) == 1 else "")
    tensor = f"a tensor ({sizes})"
    return tensor if len(shape) > 1 or ANY in shape else f"{shape[0]} numbers or {tensor}"
