"""How an image is computed: frozen settings of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from gradbragg.errors import ConfigError
from gradbragg.models.checks import check_finite, check_not_negative, check_positive
from gradbragg.models.shapes import check_kinds
from gradbragg.rules import PHYSICAL, REFERENCE, Rules
from gradbragg.units import TensorKind

if TYPE_CHECKING:
    from gradbragg.units import Scalar

Precision = Literal["mixed", "single"]

MAX_OVERSAMPLE = 3000
"""More subpixels along an edge than a crystal as large as its beam needs."""


@dataclass(frozen=True)
class Roi:
    """A rectangle of pixels, both ends included, counted from 0."""

    fast_min: int
    fast_max: int
    slow_min: int
    slow_max: int


@dataclass(frozen=True)
class RunConfig:
    """How the image is computed.

    Args:
        dtype: Of the image and of the trigonometry.
        device: Where it is computed.
        precision: ``mixed`` keeps scattering vectors, indices and their fractions in double precision
            whatever the dtype; ``single`` does not, which is off by parts in a thousand.
        compat: Reproduce the reference program, its defects included.
        oversample: Subpixels along each edge; None: from the size of the crystal.
        oversample_omega: Solid angle at every subpixel (compat; otherwise it always is).
        oversample_polar: Polarization at every subpixel and source (compat).
        oversample_thick: Absorption at every subpixel and layer (compat).
        roi: Pixels to simulate; the others stay 0. None: all.
        dmin_angstrom: Spacings below this are left out; 0: none.
        block_steps: Sampling steps that are in memory at the same time.
    """

    dtype: torch.dtype = torch.float32
    device: str = "cpu"
    precision: Precision = "mixed"
    compat: bool = False
    oversample: int | None = None
    oversample_omega: bool = False
    oversample_polar: bool = False
    oversample_thick: bool = False
    roi: Roi | None = None
    dmin_angstrom: Scalar = 0.0
    block_steps: int = 2**17

    def __post_init__(self) -> None:
        check_kinds(self)
        check_finite(self)
        if self.dtype not in (torch.float32, torch.float64):
            raise ConfigError(f"dtype is {self.dtype}; torch.float32 or torch.float64 is needed")
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            text = f"device is {self.device!r}, which cannot be used here: {str(error).splitlines()[0]}"
            raise ConfigError(text) from error
        if self.precision not in ("mixed", "single"):
            raise ConfigError(f"precision is {self.precision!r}; mixed or single is needed")
        if self.oversample is not None:
            check_positive(self, "oversample")
            if self.oversample > MAX_OVERSAMPLE:
                raise ConfigError(f"oversample is {self.oversample}, more than {MAX_OVERSAMPLE}")
        check_not_negative(self, "dmin_angstrom")
        check_positive(self, "block_steps")

    @property
    def rules(self) -> Rules:
        """The physics, or the reference program's rules."""
        return REFERENCE if self.compat else PHYSICAL

    @property
    def phase_kind(self) -> TensorKind:
        """Kind of geometry, scattering vectors and indices."""
        single = self.precision == "single" and self.dtype == torch.float32
        return TensorKind(torch.float32 if single else torch.float64, torch.device(self.device))

    @property
    def image_kind(self) -> TensorKind:
        """Kind of trigonometry, factors and image."""
        return TensorKind(self.dtype, torch.device(self.device))
