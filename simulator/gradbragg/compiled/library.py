"""Photons and their derivatives from the compiled inner loop.

The pixels are cut into pieces whose number does not depend on the number of threads, and what the pieces give is
added in their order: results are the same whatever the number of threads.
"""

from __future__ import annotations

import ctypes
from collections import deque
from dataclasses import dataclass, fields
from threading import Thread
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

LANES = 128
"""Pixels that the inner loop takes at a time; the same in pixels.c."""

_PIECES = 32
_LARGEST_SLOPES = 2**24
"""Numbers in the derivatives of all pieces together, unless one piece has more."""


@dataclass(frozen=True, eq=False)
class Packed:
    """What an image is computed from, packed for the inner loop; double precision, the formulas in pixels.c.

    Args:
        frame: Corner, step along fast, step along slow, normal ``(4, 3)`` in metres, the normal of unit length.
        layers: z and z mu of each layer ``(T, 2)``.
        factors: Area of the solid angle, D mu, scale, water, 1/dmin^2 ``(5,)``.
        sources: Incident direction (3), 1/wavelength, constant and quadratic form of the polarization factor
            (xx, yy, zz, xy, xz, yz), both times the weight ``(J, 11)``.
        orientations: Rows a, b, c in angstrom ``(R, 3, 3)``.
        cells: N ``(3,)``.
        F2: Squared structure factor, no dimension, or a padded table of them ``(H, K, L)``; in the image's dtype.
    """

    frame: Tensor
    layers: Tensor
    factors: Tensor
    sources: Tensor
    orientations: Tensor
    cells: Tensor
    F2: Tensor

    def tensors(self) -> tuple[Tensor, ...]:
        """All of them, in the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, eq=False)
class Layout:
    """What has no derivative.

    Args:
        pixels: Indices ``slow * n_fast + fast`` ``(P,)``; None: all of the detector.
        count: How many pixels.
        n_fast: Pixels along the fast axis.
        subpixels: Offsets along fast and slow in pixels ``(S, 2)``, double precision.
        point_pixel: Pixels without area.
        absorbs: Whether the sensor has layers.
        origin: Index of the table's first entry.
        dtype: Of the image.
        library: The inner loop for this dtype and kind of structure factors.
        block_steps: Steps that are in memory at the same time where the formula is evaluated in torch.
        progress: Called with the pixels that are done and those in all.
    """

    pixels: Tensor | None
    count: int
    n_fast: int
    subpixels: Tensor
    point_pixel: bool
    absorbs: bool
    origin: tuple[int, int, int]
    dtype: torch.dtype
    library: ctypes.CDLL
    block_steps: int
    progress: Callable[[int, int], None] | None = None

    @property
    def indices(self) -> Tensor:
        """Indices of the pixels ``(P,)``."""
        return torch.arange(self.count, device="cpu") if self.pixels is None else self.pixels


_COUNTS = ("n_fast", "S", "T", "J", "R", "point_pixel", "absorbs", "table_gradient")
_POINTERS = ("pixels", "frame", "subpixels", "layers", "factors", "sources", "orientations", "cells", "F2")
_SLOPES = ("frame", "layers", "factors", "sources", "orientations", "cells", "F2")


class _Arguments(ctypes.Structure):
    """``Arguments`` in pixels.c."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in _COUNTS),
        ("size", ctypes.c_int64 * 3),
        ("origin", ctypes.c_int64 * 3),
        *((name, ctypes.c_void_p) for name in _POINTERS),
    ]


class _Slopes(ctypes.Structure):
    """``Slopes`` in pixels.c."""

    _fields_ = [(name, ctypes.c_void_p) for name in _SLOPES]


def photons(layout: Layout, packed: Packed) -> Tensor:
    """Photons in each pixel ``(P,)``."""
    tensors = _contiguous(layout, packed)
    arguments = _arguments(layout, tensors, table_gradient=False)
    image = torch.empty(layout.count, dtype=layout.dtype, device="cpu")
    size = _piece_size(layout.count, _PIECES)

    def piece(start: int) -> None:
        stop = min(start + size, image.shape[0])
        layout.library.forward(ctypes.byref(arguments), _int(start), _int(stop), _pointer(image))

    _in_parallel(piece, image.shape[0], size, layout.progress)
    return image


def slopes(layout: Layout, packed: Packed, image_slope: Tensor, table_gradient: bool) -> Packed:
    """What each input gives to a loss.

    Args:
        layout: What has no derivative.
        packed: The inputs.
        image_slope: Slope of the loss with each pixel's photons ``(P,)``.
        table_gradient: Whether the slopes of a table of structure factors are wanted; 0 otherwise.
    """
    tensors = _contiguous(layout, packed)
    arguments = _arguments(layout, tensors, table_gradient)
    image_slope = image_slope.detach().to(layout.dtype).contiguous()
    wanted = {name: tensors[name] for name in _SLOPES}
    if packed.F2.ndim and not table_gradient:
        wanted["F2"] = torch.zeros(1, device="cpu")
    sizes = [one.numel() for one in wanted.values()]
    pieces = max(1, min(_PIECES, _LARGEST_SLOPES // sum(sizes)))
    size = _piece_size(image_slope.shape[0], pieces)
    sums = torch.zeros((-(-image_slope.shape[0] // size), sum(sizes)), dtype=torch.float64, device="cpu")

    def piece(start: int) -> None:
        stop = min(start + size, image_slope.shape[0])
        into = _Slopes(*(_pointer(part) for part in sums[start // size].split_with_sizes(sizes)))
        layout.library.backward(
            ctypes.byref(arguments), _int(start), _int(stop), _pointer(image_slope), ctypes.byref(into)
        )

    _in_parallel(piece, image_slope.shape[0], size, None)
    parts = dict(zip(_SLOPES, sums.sum(0).split_with_sizes(sizes), strict=True))
    if packed.F2.ndim and not table_gradient:
        parts["F2"] = torch.zeros(packed.F2.shape, dtype=torch.float64, device="cpu")
    return Packed(
        *(parts[name].reshape(one.shape).to(one.dtype) for name, one in zip(_SLOPES, packed.tensors(), strict=True))
    )


def _contiguous(layout: Layout, packed: Packed) -> dict[str, Tensor]:
    """Every tensor whose address is given away, by the name that pixels.c has for it."""
    given = {name: getattr(packed, name) for name in _SLOPES} | {"subpixels": layout.subpixels}
    if layout.pixels is not None:
        given["pixels"] = layout.pixels
    return {name: one.detach().contiguous() for name, one in given.items()}


def _arguments(layout: Layout, tensors: dict[str, Tensor], table_gradient: bool) -> _Arguments:
    shape = tensors["F2"].shape if tensors["F2"].ndim else (1, 1, 1)
    return _Arguments(
        n_fast=layout.n_fast,
        S=tensors["subpixels"].shape[0],
        T=tensors["layers"].shape[0],
        J=tensors["sources"].shape[0],
        R=tensors["orientations"].shape[0],
        point_pixel=layout.point_pixel,
        absorbs=layout.absorbs,
        table_gradient=table_gradient,
        size=(ctypes.c_int64 * 3)(*shape),
        origin=(ctypes.c_int64 * 3)(*layout.origin),
        **{name: _pointer(tensors[name]) for name in _POINTERS if name in tensors},
    )


def _pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _int(number: int) -> ctypes.c_int64:
    return ctypes.c_int64(number)


def _piece_size(pixels: int, pieces: int) -> int:
    """Pixels of a piece: whole tiles."""
    return max(1, -(-pixels // (pieces * LANES))) * LANES


def _in_parallel(
    piece: Callable[[int], None], pixels: int, size: int, progress: Callable[[int, int], None] | None
) -> None:
    """Runs the pieces in as many threads as torch uses; threads end with the call, so that forking stays safe."""
    if progress is not None:
        progress(0, pixels)
    starts = range(0, pixels, size)
    threads = max(1, min(torch.get_num_threads(), len(starts)))
    ends = [None] * threads
    waiting = deque([*starts, *ends])

    def work() -> None:
        for start in iter(waiting.popleft, None):
            piece(start)

    others = [Thread(target=work, daemon=True) for _ in ends[1:]]
    for thread in others:
        thread.start()
    try:
        for start in iter(waiting.popleft, None):
            piece(start)
            if progress is not None:
                progress(start, pixels)
    except BaseException:
        waiting.clear()
        waiting.extend(ends)
        raise
    finally:
        for thread in others:
            thread.join()
