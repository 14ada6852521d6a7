"""Settings to the files that a run writes."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gradbragg.errors import FlagWarning, UsageError

if TYPE_CHECKING:
    from gradbragg.flags.parse import Given
    from gradbragg.flags.settings import Settings
    from gradbragg.models.config import DetectorConfig

ADC_OFFSET = 40.0
"""Counts that are added to every pixel unless a flag says otherwise."""

_FILE_FLAGS = ("-floatfile", "-intfile", "-noisefile", "-pgmfile", "--png", "--nexus", "--json")


@dataclass(frozen=True)
class Outputs:
    """What to write; a file of None is not written.

    Args:
        float_image: Raw image.
        int_image: Scaled SMV image.
        noise_image: SMV image with counting noise.
        pgm: PGM image.
        png: Preview.
        nexus: NeXus file.
        json: Summary of the run; ``-`` is standard output.
        scale: Counts per photon of the SMV image; None: automatic.
        pgm_scale: Gray levels per photon of the PGM image; None: automatic.
        adc_offset: Added to every count.
        seed: Of the noise.
        printout: Print pixels.
        printout_pixel: Fast and slow index of the one pixel to print; None: all.
        progress: Show the progress.
    """

    float_image: str
    int_image: str | None
    noise_image: str | None
    pgm: str | None
    png: str | None
    nexus: str | None
    json: str | None
    scale: float | None
    pgm_scale: float | None
    adc_offset: float
    seed: int
    printout: bool
    printout_pixel: tuple[int, int] | None
    progress: bool


def output_settings(settings: Settings, detector: DetectorConfig) -> Outputs:
    """What the settings ask for; the reference program's own set of files with ``--compat``.

    Args:
        settings: Flags and headers.
        detector: The detector, which bounds the pixel to print.

    Raises:
        UsageError: Two outputs have one name, or the pixel to print is not there.
    """
    adc, seed = settings.number("-adc"), settings.number("-seed")
    noise = settings.last("-noisefile", "-nonoise")
    pgm = settings.last("-pgmfile", "-pgmscale", "-nopgm")
    progress = settings.last("-progress", "-noprogress")
    outputs = Outputs(
        float_image=settings.text("-floatfile") or "floatimage.bin",
        int_image=settings.text("-intfile") or ("intimage.img" if settings.compat else None),
        noise_image=_wanted(settings, "-noisefile", "noiseimage.img", noise),
        pgm=_wanted(settings, "-pgmfile", "image.pgm", pgm),
        png=settings.text("--png"),
        nexus=settings.text("--nexus"),
        json=settings.text("--json"),
        scale=settings.number("-scale"),
        pgm_scale=settings.number("-pgmscale"),
        adc_offset=ADC_OFFSET if adc is None else adc,
        seed=int(time.time()) if seed is None else int(seed),
        printout=settings.has("-printout") or settings.has("-printout_pixel"),
        printout_pixel=_pixel(settings, detector),
        progress=progress is None or progress.flag.name == "-progress",
    )
    if not settings.compat:
        _check_names(settings, outputs)
        _warn_of_no_effect(settings, outputs)
    return outputs


def _wanted(settings: Settings, name: str, default: str, last: Given | None) -> str | None:
    """A file that its flag, or a flag that implies it, asks for and no later flag forbids."""
    if last is None:
        return default if settings.compat else None
    return None if last.flag.name in ("-nonoise", "-nopgm") else settings.text(name) or default


def _pixel(settings: Settings, detector: DetectorConfig) -> tuple[int, int] | None:
    given = settings.last("-printout_pixel")
    if given is None:
        return None
    fast, slow = int(given.number(0)), int(given.number(1))
    if not (0 <= fast < detector.n_fast and 0 <= slow < detector.n_slow) and not settings.compat:
        raise UsageError(f"-printout_pixel {fast} {slow} is not on a detector of {detector.n_fast} x {detector.n_slow}")
    return fast, slow


def _warn_of_no_effect(settings: Settings, outputs: Outputs) -> None:
    counts, noise = outputs.int_image is not None, outputs.noise_image is not None
    needed = {
        "-scale": (counts, "-intfile"),
        "-adc": (counts or noise, "-intfile or -noisefile"),
        "-seed": (noise, "-noisefile"),
    }
    for flag, (effective, partner) in needed.items():
        if settings.has(flag) and not effective:
            warnings.warn(f"{flag} has no effect without {partner}", FlagWarning, stacklevel=4)


def _check_names(settings: Settings, outputs: Outputs) -> None:
    named: dict[Path, str] = {}
    files = (
        outputs.float_image,
        outputs.int_image,
        outputs.noise_image,
        outputs.pgm,
        outputs.png,
        outputs.nexus,
        outputs.json,
    )
    for flag, name in zip(_FILE_FLAGS, files, strict=True):
        if name is None or name == "-":
            continue
        path = Path(name).absolute()
        if path in named:
            raise UsageError(f"{named[path]} and {flag} both name {name}; give each its own file")
        named[path] = flag
    for source in ("-hkl", "-mat", "-mask", "-img", "-sourcefile", "--mtz", "--cif", "--pdb"):
        name = settings.text(source)
        if name is not None and Path(name).absolute() in named:
            raise UsageError(f"{named[Path(name).absolute()]} would overwrite {name}, which {source} reads")
