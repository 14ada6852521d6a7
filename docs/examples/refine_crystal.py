"""Recover cell, orientation and mosaic spread from one noisy image.

A triclinic crystal is simulated, photons are counted, and the crystal is found again from a start that is
wrong by about 1 % in each edge, half a degree in each angle, and a factor of two in the mosaic spread: first
Adam on blurred images, whose spots overlap, then Adam and L-BFGS on the Poisson likelihood of the image
itself. The mosaic domains of the model are not those of the crystal: it has fewer, drawn with another seed.

    python docs/examples/refine_crystal.py [--small] [--picture FILE]
"""

from __future__ import annotations

import dataclasses
import sys

import torch
from fitting import blurred, descend, options, poisson_loss, polish, report, save_picture, simulate
from torch import Tensor

import gradbragg as gb

NAMES = ("a", "b", "c", "alpha", "beta", "gamma", "misset x", "misset y", "misset z", "mosaic spread")
TRUE = (24.0, 28.0, 33.0, 84.0, 97.0, 101.0, 12.0, -31.0, 47.0, 0.7)
START = (24.2, 27.8, 33.3, 84.4, 96.6, 100.6, 12.4, -31.4, 46.6, 1.4)
UNITS = (0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.2)
"""A change of one unit matters about as much in each parameter; the optimizers work in these."""


def setting(small: bool) -> tuple[gb.CrystalConfig, gb.DetectorConfig, gb.BeamConfig, gb.RunConfig]:
    """Everything but what is to be found; structure factors are random and known."""
    pixels, edge = (80, 1.28) if small else (128, 0.8)
    flags = (
        f"--dtype float64 -cell 24 28 33 84 97 101 -default_F 1 -gauss_xtal -N 5 -lambda 1.5 -distance 80 -xds "
        f"-detpixels {pixels} -pixel {edge} -oversample 1 -water 0.01 -fluence 1e28 -mosaic 1 -mosaic_domains 2"
    )
    crystal, detector, beam, run = gb.configs_from_flags(flags.split())
    generator = torch.Generator().manual_seed(7)
    F = 20.0 + 80.0 * torch.rand((61, 61, 61), dtype=torch.float64, generator=generator)
    return dataclasses.replace(crystal, reflections=gb.ReflectionTable(F, (-30, -30, -30))), detector, beam, run


def crystal_of(base: gb.CrystalConfig, values: Tensor, domains: int, seed: int) -> gb.CrystalConfig:
    """The crystal with the given cell, misset and spread."""
    a, b, c, alpha, beta, gamma = values[:6]
    return dataclasses.replace(
        base,
        cell_a=a,
        cell_b=b,
        cell_c=c,
        cell_alpha=alpha,
        cell_beta=beta,
        cell_gamma=gamma,
        misset_deg=values[6:9],
        mosaic_spread_deg=values[9],
        mosaic_domains=domains,
        mosaic_seed=seed,
    )


def main() -> None:
    """Hide a crystal, find it, say how well."""
    arguments = options("Recover cell, orientation and mosaic spread from one noisy image.", "refine_crystal.png")
    base, detector, beam, run = setting(arguments.small)
    domains = 20 if arguments.small else 40
    true, start, unit = (torch.tensor(v, dtype=torch.float64) for v in (TRUE, START, UNITS))
    with torch.no_grad():
        expected = simulate(crystal_of(base, true, 5 * domains, seed=3), detector, beam, run)
    counted = torch.from_numpy(gb.photon_counts(expected, seed=1))
    steps = torch.zeros(len(TRUE), dtype=torch.float64, requires_grad=True)

    def model() -> Tensor:
        return simulate(crystal_of(base, start + unit * steps, domains, seed=12345678), detector, beam, run)

    with torch.no_grad():
        before = model()
    few = 40 if arguments.small else 80
    for width in (3.0, 1.5) if not arguments.small else (1.5, 0.8):
        target = blurred(counted, width)
        descend(lambda w=width, t=target: poisson_loss(blurred(model(), w), t), [steps], few, 0.3)
    descend(lambda: poisson_loss(model(), counted), [steps], few, 0.1)
    polish(lambda: poisson_loss(model(), counted), [steps], few)
    with torch.no_grad():
        after = model()
    found = (start + unit * steps).tolist()
    sys.stdout.write(report(NAMES, TRUE, START, found) + "\n")
    save_picture(arguments.picture, counted, before, after)


if __name__ == "__main__":
    main()
