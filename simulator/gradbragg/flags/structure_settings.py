"""Settings to structure factors, and to the cell that comes with them."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from gradbragg.errors import FileError, FlagWarning, UsageError
from gradbragg.io.atomic_model import structure_factors_of_model
from gradbragg.io.cif import read_cif
from gradbragg.io.fdump import read_fdump, write_fdump
from gradbragg.io.hkl_text import read_hkl
from gradbragg.io.mtz import read_mtz
from gradbragg.models.detector import Detector, pixel_positions
from gradbragg.rules import PHYSICAL
from gradbragg.units import TensorKind, plain_number

if TYPE_CHECKING:
    from gradbragg.flags.settings import Settings
    from gradbragg.models.config import BeamConfig, DetectorConfig
    from gradbragg.models.crystal_data import CrystalData
    from gradbragg.models.reflections import ReflectionTable

_SOURCES = ("-hkl", "--mtz", "--cif", "--pdb")
_FINEST_SPACING = 0.7
"""Angstrom; atoms in macromolecules scatter next to nothing beyond."""

_BEYOND_CORNERS = 0.97
"""Structure factors are computed to a little beyond the corners: wavelengths spread, orientations turn."""


@dataclass(frozen=True, eq=False)
class StructureSettings:
    """Structure factors as the settings describe them.

    Args:
        reflections: The table; None: only ``default_F``.
        cell: The cell that a crystallographic file gives; None: none.
    """

    reflections: ReflectionTable | None = None
    cell: tuple[float, ...] | None = None


def structure_settings(settings: Settings, detector: DetectorConfig, beam: BeamConfig) -> StructureSettings:
    """Read the structure factors.

    Args:
        settings: Flags and headers.
        detector: The detector, whose corners limit the structure factors of an atomic model.
        beam: The beam.

    Raises:
        GradBraggError: A file cannot be used, several are given, or there are no structure factors at all.
    """
    given = [name for name in _SOURCES if settings.has(name)]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} both give structure factors; give one of them")
    found = _from_file(settings, given[0], detector, beam) if given else _from_dump(settings)
    if found.reflections is None and not settings.number("-default_F"):
        files = ", ".join(_SOURCES)
        raise UsageError(
            f"no structure factors, the image would be blank: give -hkl FILE (or {files[6:]}), or -default_F above 0"
        )
    if given and found.reflections is not None and settings.has("-dump"):
        write_fdump(str(settings.text("-dump")), found.reflections, settings.number("-default_F") or 0.0)
    return found


def _from_file(settings: Settings, name: str, detector: DetectorConfig, beam: BeamConfig) -> StructureSettings:
    path = str(settings.text(name))
    column = settings.text("--column")
    if name == "-hkl":
        return StructureSettings(read_hkl(path, token_stream=settings.compat))
    data: CrystalData
    if name == "--pdb":
        d_min = settings.number("--resolution")
        if d_min is not None and d_min <= 0:
            raise UsageError(f"--resolution needs a spacing above 0 A, got {d_min:g}")
        data = structure_factors_of_model(path, d_min or corner_spacing(detector, beam))
    else:
        data = (read_mtz if name == "--mtz" else read_cif)(path, column)
    return StructureSettings(data.reflections, data.cell)


def _from_dump(settings: Settings) -> StructureSettings:
    path = settings.text("-dump")
    if path is None:
        return StructureSettings()
    try:
        return StructureSettings(read_fdump(path))
    except FileError:
        # the reference program passes over a dump that it cannot open and takes the default F
        if settings.compat and settings.number("-default_F"):
            warnings.warn(f"-dump {path} cannot be read; -default_F counts", FlagWarning, stacklevel=4)
            return StructureSettings()
        raise


def corner_spacing(detector: DetectorConfig, beam: BeamConfig) -> float:
    """Smallest spacing that the detector's corners see, angstrom, a little less to be safe.

    Args:
        detector: The detector.
        beam: The beam.
    """
    kind = TensorKind()
    geometry = Detector(detector).geometry(kind, beam_direction=beam.direction)
    fast = torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=kind.dtype) * detector.n_fast
    slow = torch.tensor([0.0, 0.0, 1.0, 1.0], dtype=kind.dtype) * detector.n_slow
    X = pixel_positions(geometry, fast, slow, kind.scalar(0.0), PHYSICAL)
    cosine = (X / torch.linalg.vector_norm(X, dim=-1, keepdim=True) * geometry.beam).sum(-1).detach()
    half = math.acos(max(-1.0, min(1.0, float(cosine.min())))) / 2.0
    wavelength = plain_number(beam.wavelength_angstrom) * (1.0 - plain_number(beam.dispersion) / 2.0)
    return max(_FINEST_SPACING, _BEYOND_CORNERS * wavelength / (2.0 * max(math.sin(half), 1e-3)))
