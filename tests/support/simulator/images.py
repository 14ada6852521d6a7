"""Short ways to an image."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch

import gradbragg as gb

DATA = Path(__file__).parents[2] / "simulator" / "data"

TRICLINIC = (
    "--dtype float64 -cell 61 72 83 84 97 101 -default_F 30 -lambda 1.1 -misset 11 -23 37 "
    "-distance 90 -detpixels 16 -pixel 1.3 -oversample 1 -N 4"
)
"""A crystal without symmetry in a generic orientation: no gradient is 0 by accident."""

Configs = tuple[gb.CrystalConfig, gb.DetectorConfig, gb.BeamConfig, gb.RunConfig]


def configs(flags: str | Sequence[str]) -> Configs:
    return gb.configs_from_flags(flags.split() if isinstance(flags, str) else flags)


def simulate(parts: Configs) -> torch.Tensor:
    crystal, detector, beam, run = parts
    return gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run).run()


def image_of(flags: str | Sequence[str]) -> torch.Tensor:
    return simulate(configs(flags))


def changed(parts: Configs, which: int, **values: object) -> Configs:
    """The configurations with fields of one of them (crystal, detector, beam, run) replaced."""
    new = list(parts)
    new[which] = dataclasses.replace(new[which], **values)  # type: ignore[type-var]
    return tuple(new)  # type: ignore[return-value]


CRYSTAL, DETECTOR, BEAM, RUN = range(4)
