"""Flags that were given and do nothing beside the others."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradbragg.errors import FlagWarning

if TYPE_CHECKING:
    from gradbragg.flags.settings import Settings
    from gradbragg.models.config import BeamConfig, CrystalConfig, DetectorConfig
    from gradbragg.models.run_config import RunConfig

_VECTORS = "-fdet_vector -sdet_vector -odet_vector -beam_vector -polar_vector -spindle_axis -twotheta_axis"
_CORNERS = "-pix0_vector -pix0_vector_mm"
_GRIDS = (
    "-dispersion -dispsteps -divergence -divsteps -hdivrange -vdivrange -hdivstep -vdivstep -hdivsteps -vdivsteps "
    "-round_div -square_div"
)

_OPEN_BELOW_0 = (
    "-osc -phistep -phisteps -mosaic -mosaic_domains -divergence -divsteps -hdivrange -vdivrange -hdivstep -vdivstep "
    "-hdivsteps -vdivsteps -dispersion -dispsteps -detector_thicksteps -dmin -scale -pgmscale"
)
"""A negative value of these means that they are left open."""


@dataclass(frozen=True)
class Situation:
    """What a command line came to.

    Args:
        settings: Flags and headers.
        crystal: The crystal.
        detector: The detector.
        beam: The beam.
        run: How to compute.
    """

    settings: Settings
    crystal: CrystalConfig
    detector: DetectorConfig
    beam: BeamConfig
    run: RunConfig

    def has(self, *names: str) -> bool:
        """Whether one of the flags was given."""
        return any(self.settings.has(name) for name in names)

    @property
    def pivots_at_beam(self) -> bool:
        """Whether the detector turns about the beam spot in a convention where the near point then has no part."""
        return self.detector.convention in ("mosflm", "denzo", "adxv") and self.detector.pivot != "sample"


@dataclass(frozen=True)
class NoEffect:
    """Flags, and when they do nothing.

    Args:
        flags: Names.
        when: The situation in which they do nothing.
        because: How the warning ends.
    """

    flags: str
    when: Callable[[Situation], bool]
    because: str


RULES = (
    NoEffect(f"{_VECTORS} {_CORNERS}", lambda s: s.detector.convention != "custom", "in the {convention} convention"),
    NoEffect(
        "-Xclose -Yclose",
        lambda s: s.detector.convention in ("mosflm", "denzo", "adxv"),
        "in the {convention} convention",
    ),
    NoEffect("-ORGX -ORGY", lambda s: s.pivots_at_beam, "in the {convention} convention unless -pivot is sample"),
    NoEffect(
        "-distance -close_distance -Xbeam -Ybeam -Xclose -Yclose -ORGX -ORGY -pivot",
        lambda s: s.detector.pix0_mm is not None,
        "with -pix0_vector",
    ),
    NoEffect("-distance", lambda s: s.detector.close_distance_mm is not None, "with -close_distance"),
    NoEffect(
        "-detsize -detsize_f -detsize_s", lambda s: s.detector.detector_size_mm is None, "beside the count of pixels"
    ),
    NoEffect("-fudge", lambda s: s.crystal.shape == "square", "with a square crystal"),
    NoEffect("-mosaic_domains -mosaic_seed", lambda s: bool(s.crystal.mosaic_spread_deg == 0), "without -mosaic"),
    NoEffect("-misset_seed", lambda s: not _random(s.settings), "without -misset random"),
    NoEffect("-interpolate -nointerpolate", lambda s: s.crystal.reflections is None, "without a list of reflections"),
    NoEffect("-N -Na -Nb -Nc", lambda s: _all_sized(s.crystal), "with a crystal size along all axes"),
    NoEffect("-exposure", lambda s: s.beam.flux is None, "without -flux"),
    NoEffect("-fluence", lambda s: s.beam.flux is not None, "with -flux"),
    NoEffect(
        "-beamsize",
        lambda s: s.beam.flux is None and s.crystal.crystal_size_mm is None,
        "without -flux or a crystal size",
    ),
    NoEffect(_GRIDS, lambda s: s.beam.source_positions is not None, "with -sourcefile"),
    NoEffect("-square_div", lambda s: min(s.beam.hdiv_steps, s.beam.vdiv_steps) < 2, "without divergence both ways"),
    NoEffect("-detector_abs -detector_thicksteps", lambda s: not s.has("-detector_thick"), "without -detector_thick"),
    NoEffect("-detector_thick", lambda s: bool(s.detector.thickness_um == 0), "with an infinite -detector_abs"),
    NoEffect(
        "-oversample_omega -oversample_polar -oversample_thick",
        lambda s: not s.run.compat,
        "without --compat: every subpixel has its own factors",
    ),
    NoEffect("--column", lambda s: not s.has("--mtz", "--cif"), "without --mtz or --cif"),
    NoEffect("--resolution", lambda s: not s.has("--pdb"), "without --pdb"),
)


def warn_of_no_effect(situation: Situation) -> None:
    """Warn of every flag that was given and does nothing.

    Args:
        situation: What the command line came to.

    Warns:
        FlagWarning: Of each.
    """
    for rule in RULES:
        names = [name for name in rule.flags.split() if situation.has(name)]
        if names and rule.when(situation):
            because = rule.because.format(convention=situation.detector.convention)
            for name in names:
                warnings.warn(f"{name} has no effect {because}", FlagWarning, stacklevel=4)
    for name in _OPEN_BELOW_0.split():
        given = situation.settings.last(name)
        if given is not None and given.number() < 0:
            text = f"{name} {given.number():g} has no effect: a value below 0 means that it is left open"
            warnings.warn(text, FlagWarning, stacklevel=4)


def _random(settings: Settings) -> bool:
    given = settings.last("-misset")
    return given is not None and isinstance(given.values[0], str)


def _all_sized(crystal: CrystalConfig) -> bool:
    return crystal.crystal_size_mm is not None and None not in crystal.crystal_size_mm
