"""What is timed: four images, their steps, and runs of them with and without gradients."""

import dataclasses
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import torch

import gradbragg as gb

TRICLINIC = "-default_F 100 -cell 70 80 90 85 95 105 -lambda 1.0 -N 10 -distance 150 -oversample 1 "
CUBIC = "-cell 100 100 100 90 90 90 -distance 100 "

FLAGS = {
    "W1": CUBIC + "-default_F 100 -lambda 6.2 -N 5 -detpixels 1024 -oversample 1",
    "W2": TRICLINIC + "-detpixels 1024 -mosaic 0.5 -mosaic_domains 10 -phi 10 -osc 1 -phisteps 10",
    "W3": CUBIC + "-hkl full.hkl -default_F 0 -lambda 1.5 -N 10 -detpixels 2048 -pixel 0.05 -mosaic 0.4 "
    "-mosaic_domains 25 -oversample 2 -nointerpolate",
    "W4": TRICLINIC + "-detpixels 512 -pixel 0.2 -dispersion 1 -dispsteps 10 -mosaic 0.5 -mosaic_domains 10 "
    "-phi 10 -osc 1 -phisteps 5",
}
STEPS = {"W1": 1024**2, "W2": 1024**2 * 100, "W3": 2048**2 * 100, "W4": 512**2 * 500}


def write_reflections(path: Path) -> None:
    with path.open("w") as file:
        for h, k, l in itertools.product(range(-12, 13), repeat=3):  # noqa: E741
            file.write(f"{h} {k} {l} {10 + (7 * h + 13 * k + 29 * l) % 50}\n")


def image_of(flags: str) -> Callable[[], torch.Tensor]:
    """A run that makes the image of a command line."""
    crystal, detector, beam, run = gb.configs_from_flags(flags.split())
    return lambda: gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run).run()


def image_and_gradients_of(flags: str) -> Callable[[], torch.Tensor]:
    """The same with the gradients of cell, misset, spread, structure factor, distance and wavelength."""
    crystal, detector, beam, run = gb.configs_from_flags(flags.split())
    leaves = []

    def leaf(value: object) -> torch.Tensor:
        leaves.append(torch.tensor(value, dtype=torch.float64, requires_grad=True))
        return leaves[-1]

    cell = {
        f"cell_{name}": leaf(getattr(crystal, f"cell_{name}")) for name in ("a", "b", "c", "alpha", "beta", "gamma")
    }
    crystal = dataclasses.replace(
        crystal, **cell, misset_deg=leaf([0.1, 0.2, 0.3]), mosaic_spread_deg=leaf(0.5), default_F=leaf(100.0)
    )
    detector = dataclasses.replace(detector, distance_mm=leaf(float(detector.distance_mm)))
    beam = dataclasses.replace(beam, wavelength_angstrom=leaf(float(beam.wavelength_angstrom)))

    def once() -> torch.Tensor:
        image = gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run).run()
        torch.autograd.grad(image.double().sum(), leaves, allow_unused=True)
        return image.detach()

    return once


STILL = TRICLINIC + "-detpixels 512 -pixel 0.2 -mosaic 0.5 -mosaic_domains 10"


def stills(count: int) -> Callable[[], torch.Tensor]:
    """A batch of stills in different orientations, in one vmap."""
    crystal, detector, beam, run = gb.configs_from_flags(STILL.split())
    missets = torch.rand((count, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 360.0

    def image(misset: torch.Tensor) -> torch.Tensor:
        turned = dataclasses.replace(crystal, misset_deg=misset)
        return gb.Simulator(gb.Crystal(turned), gb.Detector(detector), gb.Beam(beam), run).run()

    return lambda: torch.func.vmap(image)(missets)


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
