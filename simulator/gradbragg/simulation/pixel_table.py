"""Pixels in words: where they are, what they look at, how many photons they get."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from gradbragg.models.detector import pixel_positions
from gradbragg.units import plain_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from gradbragg.simulation.simulator import Simulator

HEADING = "fast slow x[m] y[m] z[m] twotheta[deg] d[A] h k l photons"


@torch.no_grad()
def pixel_lines(simulator: Simulator, image: Tensor, only: tuple[int, int] | None = None) -> Iterator[str]:
    """A line for each simulated pixel, taken at its middle, in the orientation of the first phi step.

    Args:
        simulator: The simulator.
        image: What it made, ``(slow, fast)``.
        only: Fast and slow index of one pixel; None: all.
    """
    run, config = simulator.run_config, simulator.detector.config
    kind, rules = run.phase_kind, run.rules
    pixels = simulator.rendered_pixels().indices
    if only is not None:
        pixels = pixels[pixels == only[1] * config.n_fast + only[0]]
    geometry = simulator.detector.geometry(kind, rules, simulator.beam.config.direction)
    state = simulator.crystal.build_state(kind, rules, simulator.detector.convention.spindle)
    wavelength = plain_number(simulator.beam.config.wavelength_angstrom)
    fast, slow = pixels % config.n_fast, pixels // config.n_fast
    right, down = (fast + 0.5).to(kind.dtype), (slow + 0.5).to(kind.dtype)
    X = pixel_positions(geometry, right, down, kind.scalar(0.0), rules)
    d = X / torch.linalg.vector_norm(X, dim=-1, keepdim=True)
    hkl = (d - geometry.beam) / wavelength @ state.real[0, 0].transpose(-1, -2)
    rows = (fast, slow, X, (d * geometry.beam).sum(-1).clamp(-1, 1), hkl, image.reshape(-1)[pixels])
    for i, j, x, cosine, index, photons in zip(*(row.tolist() for row in rows), strict=True):
        half = math.acos(cosine) / 2.0
        spacing = wavelength / (2.0 * math.sin(half)) if half > 0 else math.inf
        place = " ".join(f"{v:.6g}" for v in (*x, 2.0 * math.degrees(half), spacing, *index))
        yield f"{i} {j} {place} {photons:.9g}"
