"""A command line to configurations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch

from gradbragg.errors import UsageError
from gradbragg.flags.beam_settings import beam_config, wavelength_angstrom
from gradbragg.flags.crystal_settings import crystal_config
from gradbragg.flags.detector_settings import convention, detector_config, region_of_interest
from gradbragg.flags.no_effect import Situation, warn_of_no_effect
from gradbragg.flags.origins import field_origins
from gradbragg.flags.output_settings import Outputs, output_settings
from gradbragg.flags.settings import Settings, read_settings
from gradbragg.flags.structure_settings import structure_settings
from gradbragg.models.config import BeamConfig, CrystalConfig, DetectorConfig
from gradbragg.models.run_config import Precision, RunConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

_DTYPES = {"float32": torch.float32, "float64": torch.float64}
_PRECISIONS: dict[str, Precision] = {"mixed": "mixed", "single": "single"}

Configs = tuple[CrystalConfig, DetectorConfig, BeamConfig, RunConfig]


@dataclass(frozen=True)
class Resolved:
    """Everything that a command line asks for.

    Args:
        configs: Crystal, detector, beam, run.
        outputs: Files to write.
        origins: Where each setting that was looked up came from: a flag, a header or a default.
        fields: Where each field of the configurations came from, by section.
    """

    configs: Configs
    outputs: Outputs
    origins: dict[str, str]
    fields: dict[str, dict[str, str]]


def configs_from_flags(argv: Sequence[str]) -> Configs:
    """Configurations from the reference program's flags and gradbragg's own.

    Args:
        argv: The arguments, without the program's name.

    Returns:
        Crystal, detector, beam and run configuration.

    Raises:
        GradBraggError: The flags, or a file that they name, cannot be used.
    """
    return resolve(argv).configs


def resolve(argv: Sequence[str]) -> Resolved:
    """Configurations, outputs and the origin of every setting.

    Args:
        argv: The arguments, without the program's name.

    Raises:
        GradBraggError: The flags, or a file that they name, cannot be used.
    """
    settings = read_settings(argv)
    frame = convention(settings)
    detector = detector_config(settings)
    beam = beam_config(settings, frame)
    outputs = output_settings(settings, detector)
    structure = structure_settings(settings, detector, beam)
    crystal = crystal_config(settings, wavelength_angstrom(settings), frame == "custom", structure)
    run = run_config(settings, detector)
    if not settings.compat:
        warn_of_no_effect(Situation(settings, crystal, detector, beam, run))
    return Resolved((crystal, detector, beam, run), outputs, settings.origins, field_origins(settings))


def run_config(settings: Settings, detector: DetectorConfig) -> RunConfig:
    """How to compute.

    Args:
        settings: Flags and headers.
        detector: The detector, which bounds the region of interest.

    Raises:
        UsageError: A word is none of those that are known.
        ConfigError: A value is impossible, or a device does not exist.
    """
    oversample = settings.number("-oversample")
    if oversample is not None and oversample < 1 and not settings.compat:
        raise UsageError(f"-oversample needs 1 or more subpixels, got {oversample:g}")
    block_steps = settings.number("--block-steps")
    return RunConfig(
        dtype=_one_of(settings, "--dtype", _DTYPES, torch.float32),
        device=settings.text("--device") or "cpu",
        precision=_one_of(settings, "--precision", _PRECISIONS, "mixed"),
        compat=settings.compat,
        oversample=int(oversample) if oversample and oversample > 0 else None,
        oversample_omega=settings.has("-oversample_omega"),
        oversample_polar=settings.has("-oversample_polar"),
        oversample_thick=settings.has("-oversample_thick"),
        roi=region_of_interest(settings, detector),
        dmin_angstrom=max(settings.number("-dmin") or 0.0, 0.0),
        **({} if block_steps is None else {"block_steps": int(block_steps)}),
    )


def _one_of(settings: Settings, name: str, choices: dict[str, T], default: T) -> T:
    word = settings.text(name)
    if word is None:
        return default
    if word not in choices:
        raise UsageError(f"{name} needs one of {', '.join(choices)}, got {word!r}")
    return choices[word]
