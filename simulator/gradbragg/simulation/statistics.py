"""Numbers that sum an image up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from gradbragg.simulation.simulator import Simulator


@dataclass(frozen=True)
class ImageStatistics:
    """Statistics over the pixels that were simulated.

    Args:
        total: Photons in all of them.
        maximum: Photons in the brightest.
        fast: Its index along the fast axis.
        slow: Its index along the slow axis.
        place_m: Middle of that pixel from the detector's corner along fast and slow, metres.
        pixels: How many were simulated.
        mean: Photons per pixel.
        rms: ``sqrt(sum I^2/(n - 1))``.
        rmsd: ``sqrt(sum (I - mean)^2/(n - 1))``.
        solid_angle_sr: Solid angle that the simulated pixels subtend.
    """

    total: float
    maximum: float
    fast: int
    slow: int
    place_m: tuple[float, float]
    pixels: int
    mean: float
    rms: float
    rmsd: float
    solid_angle_sr: float


@torch.no_grad()
def image_statistics(simulator: Simulator, image: Tensor) -> ImageStatistics:
    """Statistics of an image that a simulator made.

    Args:
        simulator: The simulator.
        image: ``(slow, fast)``.
    """
    pixels = simulator.rendered_pixels()
    values = image.detach().reshape(-1)[pixels.indices].double()
    n = values.shape[0]
    if n == 0:
        return ImageStatistics(0.0, 0.0, 0, 0, (0.0, 0.0), 0, 0.0, 0.0, 0.0, 0.0)
    brightest = int(values.argmax())
    slow, fast = divmod(int(pixels.indices[brightest]), image.shape[1])
    mean = float(values.mean())
    freedom = max(n - 1, 1)
    edge = float(torch.as_tensor(simulator.detector.config.pixel_size_mm).detach()) * 1e-3
    return ImageStatistics(
        total=float(values.sum()),
        maximum=float(values[brightest]),
        fast=fast,
        slow=slow,
        place_m=((fast + 0.5) * edge, (slow + 0.5) * edge),
        pixels=n,
        mean=mean,
        rms=math.sqrt(float(values.square().sum()) / freedom),
        rmsd=math.sqrt(float((values - mean).square().sum()) / freedom),
        solid_angle_sr=simulator.solid_angle(pixels),
    )
