"""Recover the detector's distance and beam centre from one noisy image of a known crystal.

The distance is wrong by 2 % and the beam centre by two pixels at the start. Adam on blurred images brings the
spots to overlap, L-BFGS on the Poisson likelihood finishes.

    python docs/examples/refine_detector.py [--small] [--picture FILE]
"""

from __future__ import annotations

import dataclasses
import sys

import torch
from fitting import blurred, descend, options, poisson_loss, polish, report, save_picture, simulate
from torch import Tensor

import gradbragg as gb

NAMES = ("distance", "beam centre x", "beam centre y")
START = (81.5, 50.0, 52.5)
TRUE = (80.0, 51.3, 51.1)
UNITS = (0.5, 0.3, 0.3)
"""A change of one unit matters about as much in each parameter; the optimizers work in these."""


def main() -> None:
    """Hide a detector, find it, say how well."""
    arguments = options("Recover distance and beam centre from one noisy image.", "refine_detector.png")
    pixels, edge = (80, 1.28) if arguments.small else (128, 0.8)
    flags = (
        f"--dtype float64 -cell 24 28 33 84 97 101 -misset 12 -31 47 -default_F 60 -gauss_xtal -N 5 -lambda 1.5 -xds "
        f"-detpixels {pixels} -pixel {edge} -oversample 1 -water 0.01 -fluence 1e28 -mosaic 0.7 -mosaic_domains 20"
    )
    crystal, base, beam, run = gb.configs_from_flags(flags.split())

    def image(values: Tensor) -> Tensor:
        detector = dataclasses.replace(base, distance_mm=values[0], beam_center_mm=values[1:])
        return simulate(crystal, detector, beam, run)

    true, start, unit = (torch.tensor(v, dtype=torch.float64) for v in (TRUE, START, UNITS))
    with torch.no_grad():
        counted = torch.from_numpy(gb.photon_counts(image(true), seed=1))
        before = image(start)
    steps = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    few = 40 if arguments.small else 60
    for width in (1.5, 0.8) if arguments.small else (3.0, 1.5):
        target = blurred(counted, width)
        descend(lambda w=width, t=target: poisson_loss(blurred(image(start + unit * steps), w), t), [steps], few, 0.3)
    polish(lambda: poisson_loss(image(start + unit * steps), counted), [steps], few)
    with torch.no_grad():
        after = image(start + unit * steps)
    sys.stdout.write(report(NAMES, TRUE, START, (start + unit * steps).tolist()) + "\n")
    save_picture(arguments.picture, counted, before, after)


if __name__ == "__main__":
    main()
