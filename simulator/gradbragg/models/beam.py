"""The beam: its sources and its strength (docs/physics.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gradbragg.constants import THOMSON_CROSS_SECTION_M2
from gradbragg.kernels.rotation import axis_rotation, unit
from gradbragg.models.batch import check_single
from gradbragg.models.config import BeamConfig
from gradbragg.models.conventions import CONVENTIONS, Convention
from gradbragg.models.transforms import read_value
from gradbragg.rules import PHYSICAL, Rules
from gradbragg.units import MILLIRADIAN, MM, Scalar, TensorKind

_ROUND_LIMIT = 1.1
"""How far outside the ellipse, in its squared radius, a direction still belongs to a round beam."""


@dataclass(frozen=True, eq=False)
class Sources:
    """Point sources of the beam.

    Args:
        incident: Unit directions from source to sample ``(n, 3)``.
        wavelength: Angstrom ``(n,)``.
        weight: Shares of the fluence ``(n,)``, summing to 1.
        polarization_axis: Direction of the electric vector ``(3,)``.
    """

    incident: Tensor
    wavelength: Tensor
    weight: Tensor
    polarization_axis: Tensor


class Beam:
    """A beam as its configuration describes it; computes nothing until it is asked.

    Args:
        config: The description.
    """

    def __init__(self, config: BeamConfig | None = None) -> None:
        self.config = config if config is not None else BeamConfig()

    def photons_per_electron(self, kind: TensorKind) -> Tensor:
        """Photons scattered into a steradian by one electron: squared electron radius times fluence."""
        config = self.config
        if config.flux is None:
            return kind.scalar(config.fluence) * THOMSON_CROSS_SECTION_M2
        area = (kind.scalar(config.beamsize_mm) * MM).square()
        return kind.scalar(config.flux) * kind.scalar(config.exposure_s) / area * THOMSON_CROSS_SECTION_M2

    def sources(self, kind: TensorKind, rules: Rules = PHYSICAL, frame: Convention | None = None) -> Sources:
        """The sources, from the values of the moment.

        Args:
            kind: Dtype and device.
            rules: Physics or reference program.
            frame: Gives the directions that the configuration leaves open; None: mosflm's.
        """
        config = self.config
        check_single(config)
        frame = frame if frame is not None else CONVENTIONS["mosflm"]
        beam = unit(kind.vector(config.direction if config.direction is not None else frame.beam))
        axis = config.polarization_axis
        p = unit(kind.vector(axis if axis is not None else frame.polarization))
        mean = kind.scalar(config.wavelength_angstrom)
        if config.source_positions is not None:
            incident = -unit(kind.scalar(config.source_positions))
            count = incident.shape[0]
            given = config.source_wavelengths_angstrom
            wavelength = mean.expand(count) if given is None else kind.scalar(given)
            weight = (
                torch.ones_like(wavelength) if config.source_weights is None else kind.scalar(config.source_weights)
            )
        else:
            incident, wavelength = self._grid(beam, p, mean, kind)
            weight = torch.ones_like(wavelength)
        if rules.equal_source_weights:
            weight = torch.ones_like(weight)
        return Sources(incident, wavelength, weight / weight.sum(), p)

    def _grid(self, beam: Tensor, p: Tensor, mean: Tensor, kind: TensorKind) -> tuple[Tensor, Tensor]:
        """Directions times wavelengths, wavelengths quickest."""
        config = self.config
        H = _offsets(config.hdiv_range_mrad, config.hdiv_step_mrad, config.hdiv_steps, kind) * MILLIRADIAN
        V = _offsets(config.vdiv_range_mrad, config.vdiv_step_mrad, config.vdiv_steps, kind) * MILLIRADIAN
        H, V = (angle.reshape(-1) for angle in torch.meshgrid(H, V, indexing="ij"))
        keep = self._inside(kind)
        if keep is not None:
            H, V = H[keep], V[keep]
        vertical = unit(torch.linalg.cross(beam, p))
        turn = axis_rotation(vertical, H) @ axis_rotation(p, V)
        incident = unit((turn @ beam[:, None])[..., 0])
        shift = _offsets(config.dispersion, config.dispersion_step, config.dispersion_steps, kind)
        wavelengths = mean * (1.0 + shift)
        n, m = incident.shape[0], wavelengths.shape[0]
        return incident[:, None].expand(n, m, 3).reshape(n * m, 3), wavelengths.expand(n, m).reshape(n * m)

    def _inside(self, kind: TensorKind) -> Tensor | None:
        """Which directions of the grid belong to a round beam; None: all.

        The choice is made in units of the range, so that it does not depend on a value that may need a
        gradient, unless the spacing was given separately.
        """
        config = self.config
        if not config.round_divergence or config.hdiv_steps < 2 or config.vdiv_steps < 2:
            return None
        pieces = []
        for full, step, steps in (
            (config.hdiv_range_mrad, config.hdiv_step_mrad, config.hdiv_steps),
            (config.vdiv_range_mrad, config.vdiv_step_mrad, config.vdiv_steps),
        ):
            if step is None:
                spacing = 1.0 / (steps - 1)
            elif _plain(kind.scalar(full)) == 0:
                return None  # nothing is round about a range of 0
            else:
                spacing = _plain(kind.scalar(step)) / _plain(kind.scalar(full))
            place = torch.arange(steps, dtype=torch.float64, device=kind.device) * spacing - 0.5
            pieces.append(place.square() - (spacing**2 / 4.0 if steps % 2 == 0 else 0.0))
        e = pieces[0][:, None] + pieces[1]
        return (4.0 * e <= _ROUND_LIMIT).reshape(-1).nonzero()[:, 0]


def _plain(value: Tensor) -> float:
    return read_value(value, "set BeamConfig.round_divergence to False or leave the divergence steps open")


def _offsets(full: Scalar, step: Scalar | None, steps: int, kind: TensorKind) -> Tensor:
    """Offsets from the middle ``(steps,)``: ``step i - range/2``; one step without a spacing is the middle."""
    whole = kind.scalar(full)
    if step is None:
        if steps == 1:
            return 0.0 * whole.expand(1)
        spacing = whole / (steps - 1)
    else:
        spacing = kind.scalar(step)
    return torch.arange(steps, dtype=kind.dtype, device=kind.device) * spacing - whole / 2.0
