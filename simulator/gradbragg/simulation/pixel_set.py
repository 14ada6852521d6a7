"""Which pixels of a detector are simulated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class PixelSet:
    """Pixels by their indices ``slow * n_fast + fast``, ascending.

    Args:
        count: How many.
        listed: Their indices ``(P,)``; None: all of the detector, whose indices are made when somebody asks.
        device: Where the indices are.
    """

    count: int
    listed: Tensor | None = None
    device: torch.device = torch.device("cpu")  # noqa: RUF009  immutable

    @classmethod
    def of(cls, listed: Tensor) -> PixelSet:
        """The pixels of a list."""
        return cls(listed.shape[0], listed, listed.device)

    @cached_property
    def indices(self) -> Tensor:
        """Indices of the pixels ``(P,)``."""
        if self.listed is not None:
            return self.listed
        # by numpy: torch would share out a millisecond's work, and its threads wait for each other longer than that
        return torch.from_numpy(np.arange(self.count)).to(self.device)

    @property
    def first(self) -> int:
        """Index of the first pixel; 0 where there is none."""
        return int(self.listed[0]) if self.listed is not None and self.count else 0
