"""Settings to a beam configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gradbragg.constants import DEFAULT_FLUENCE, HC_EV_ANGSTROM
from gradbragg.errors import UsageError
from gradbragg.flags.automatic import SINGLE, Sampling, sampling
from gradbragg.io.source_file import read_sources
from gradbragg.models.config import BeamConfig
from gradbragg.models.conventions import CONVENTIONS
from gradbragg.units import MILLIRADIAN, PERCENT

if TYPE_CHECKING:
    from gradbragg.flags.settings import Settings

_NOMINAL_DIVERGENCE_MRAD = 1.0 / MILLIRADIAN


def wavelength_angstrom(settings: Settings) -> float:
    """The mean wavelength.

    Raises:
        UsageError: It is not above 0.
    """
    given = settings.last("-lambda", "-energy")
    if given is None:
        value = settings.header("WAVELENGTH")
        value = 1.0 if value is None else value
    else:
        number = given.number()
        if given.flag.name == "-energy" and not number > 0:
            raise UsageError(f"-energy needs a value above 0 eV, got {number:g}")
        value = HC_EV_ANGSTROM / number if given.flag.name == "-energy" else number
        settings.origins["-lambda"] = f"flag {given.flag.name}"
    if not value > 0:
        raise UsageError(f"the wavelength needs to be above 0 A, got {value:g}")
    return value


def beam_config(settings: Settings, convention: str) -> BeamConfig:
    """The beam that the settings describe.

    Args:
        settings: Flags and headers.
        convention: Name of the detector's convention; vectors count in custom only.

    Raises:
        GradBraggError: The settings do not describe a beam.
    """
    custom = convention == "custom"
    polarization = settings.last("-polar", "-nopolar")
    hdiv = _divergence(settings, "h")
    vdiv = _divergence(settings, "v")
    percent = settings.number("-dispersion")
    dispersion = sampling(settings.number("-dispsteps"), (percent or 0.0) * PERCENT, None, None)
    square = settings.last("-round_div", "-square_div")
    config = BeamConfig(
        wavelength_angstrom=wavelength_angstrom(settings),
        fluence=_fluence(settings),
        flux=_flux(settings),
        exposure_s=_number_or(settings, "-exposure", 1.0),
        beamsize_mm=_number_or(settings, "-beamsize", 0.1),
        polarization=_kahn_factor(settings),
        polarized=polarization is None or polarization.flag.name == "-polar",
        direction=settings.vector("-beam_vector") if custom else None,
        polarization_axis=settings.vector("-polar_vector") if custom else None,
        hdiv_range_mrad=hdiv.full,
        vdiv_range_mrad=vdiv.full,
        hdiv_steps=hdiv.steps,
        vdiv_steps=vdiv.steps,
        hdiv_step_mrad=hdiv.step,
        vdiv_step_mrad=vdiv.step,
        round_divergence=square is None or square.flag.name == "-round_div",
        dispersion=dispersion.full,
        dispersion_steps=dispersion.steps,
        dispersion_step=dispersion.step,
    )
    return _with_source_file(settings, config, convention)


def _with_source_file(settings: Settings, config: BeamConfig, convention: str) -> BeamConfig:
    path = settings.text("-sourcefile")
    if path is None:
        return config
    direction = config.direction if isinstance(config.direction, tuple) else CONVENTIONS[convention].beam
    x, y, z = (float(v) for v in direction)
    listed = read_sources(path, (x, y, z), float(config.wavelength_angstrom))
    return replace(
        config,
        source_positions=listed.positions,
        source_weights=listed.weights,
        source_wavelengths_angstrom=listed.wavelengths,
    )


def _number_or(settings: Settings, name: str, default: float) -> float:
    value = settings.number(name)
    return default if value is None else value


def _kahn_factor(settings: Settings) -> float:
    K = _number_or(settings, "-polar", 0.0)
    if abs(K) > 1 and not settings.compat:
        raise UsageError(f"-polar needs a value from -1 to 1, got {K:g}; beyond, pixels would be negative")
    return K


def _fluence(settings: Settings) -> float:
    return _number_or(settings, "-fluence", DEFAULT_FLUENCE)


def _flux(settings: Settings) -> float | None:
    """The flux where it beats the fluence, else None."""
    flux = settings.number("-flux")
    exposure, size = _number_or(settings, "-exposure", 1.0), _number_or(settings, "-beamsize", 0.1)
    if flux and not settings.compat and exposure <= 0:
        raise UsageError(f"-flux needs an -exposure above 0 s, got {exposure:g}")
    if flux and (size == 0 or (size < 0 and not settings.compat)):
        raise UsageError(f"-flux needs a -beamsize above 0 mm, got {size:g}")
    if not flux or exposure <= 0 or size < 0:
        return None
    return flux


def _divergence(settings: Settings, way: str) -> Sampling:
    steps = settings.number(f"-{way}divsteps", "-divsteps")
    full = settings.number(f"-{way}divrange", "-divergence")
    step = settings.number(f"-{way}divstep")
    if settings.compat:
        return sampling(steps, full, step, _NOMINAL_DIVERGENCE_MRAD)
    if steps is not None and steps > 1 and full is None and step is None:
        raise UsageError(f"-{way}divsteps {steps:g} needs a range: give -{way}divrange or -divergence")
    return sampling(steps, full, step, None) if full or step else SINGLE
