"""Counting noise: photons that a detector would have counted (docs/physics.md, section 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradbragg.models.poisson_stream import PoissonStream
from gradbragg.models.random_stream import UniformStream

if TYPE_CHECKING:
    from torch import Tensor

_NORMAL_ABOVE = 1e12
"""Means above this are drawn from a normal distribution: a whole number of that size is not told from it."""


def photon_counts(image: Tensor, seed: int) -> np.ndarray:
    """Poisson deviates of every pixel.

    Args:
        image: Expected photons, any shape; below 0 counts as 0.
        seed: The same seed gives the same counts.

    Returns:
        Counts in double precision, shape of the image. They have no gradient; for a loss that knows about
        counting noise use the Poisson likelihood of the expected photons.
    """
    mean = image.detach().cpu().double().numpy()
    generator = np.random.default_rng(seed % 2**64)
    counted: np.ndarray = generator.poisson(np.clip(mean, 0.0, _NORMAL_ABOVE)).astype(float)
    bright = mean > _NORMAL_ABOVE
    counted[bright] = np.round(generator.normal(mean[bright], np.sqrt(mean[bright])))
    return counted


def reference_photon_counts(means: Tensor, seed: int, mosaic_seed: int, domains: int) -> np.ndarray:
    """Poisson deviates as the reference program draws them, one after the other.

    Its stream of uniform deviates has gone through the mosaic domains before, which matters to a negative
    seed: that one goes on with the shuffle table as it stands.

    Args:
        means: Expected photons in the order of the file ``(n,)``.
        seed: As given by the user, stored negated.
        mosaic_seed: Seed of the mosaic domains.
        domains: Number of mosaic domains; each takes three deviates.

    Returns:
        ``(n,)`` in double precision.
    """
    stream = UniformStream(-mosaic_seed)
    for _ in range(3 * domains):
        stream.uniform()
    stream.reseed(-seed)
    deviates = PoissonStream(stream)
    return np.array([deviates.deviate(mean) for mean in means.detach().cpu().double().tolist()])
