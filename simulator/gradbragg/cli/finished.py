"""A run that has made its image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from gradbragg.flags.resolve import Resolved
    from gradbragg.simulation.simulator import Simulator
    from gradbragg.simulation.statistics import ImageStatistics


@dataclass(frozen=True, eq=False)
class Finished:
    """A run that has made its image.

    Args:
        resolved: What the command line asked for.
        simulator: What made the image.
        image: Expected photons ``(slow, fast)``.
        statistics: Of the image.
        warnings: What the run warned of.
    """

    resolved: Resolved
    simulator: Simulator
    image: Tensor
    statistics: ImageStatistics
    warnings: tuple[str, ...] = ()
