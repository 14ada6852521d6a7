"""Where the reference program's interpolation ends for good (docs/physics.md, section 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from gradbragg.simulation.accumulate import Scene


@torch.no_grad()
def first_miss(scene: Scene, pixels: Tensor) -> int:
    """Number of the first evaluation, in the order of the reference program, outside the listed box.

    Args:
        scene: The scene, with interpolation on.
        pixels: Indices of the pixels, ascending.

    Returns:
        ``pixel index * steps + step``; past the last evaluation if none misses.
    """
    plan, lattice = scene.plan, scene.lattice
    for block in torch.split(pixels, max(1, scene.block_steps // plan.steps)):
        rays = scene.optics.trace(block, plan.subpixels, plan.depths)
        outside = ~lattice.structure.inside(lattice.indices(rays.q))
        if rays.kept is not None:
            outside = outside & rays.kept[..., None]
        if bool(outside.any()):
            position = int(outside.flatten().to(torch.int8).argmax())
            return int(block[position // plan.steps]) * plan.steps + position % plan.steps
    return (int(pixels[-1]) + 1) * plan.steps if pixels.shape[0] else 0
