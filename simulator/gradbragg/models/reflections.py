"""A list of structure factors as a table."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gradbragg.errors import ConfigError
from gradbragg.units import TensorKind


@dataclass(frozen=True, eq=False)
class ReflectionTable:
    """Structure-factor amplitudes on a box of indices; gradients reach every entry.

    Args:
        F_hkl: Amplitudes ``(H, K, L)`` in electrons, any floating dtype.
        origin: Index h, k, l of the first entry.
        known: Which entries are listed ``(H, K, L)``; the others take ``default_F``. None: all of them.
    """

    F_hkl: Tensor
    origin: tuple[int, int, int]
    known: Tensor | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.F_hkl, Tensor) or self.F_hkl.ndim < len(self.origin) or len(self.origin) != 3:
            raise ConfigError(
                "a reflection table needs F_hkl as a tensor (h, k, l) and the three indices of its origin"
            )
        if self.known is not None and self.known.shape[-3:] != self.F_hkl.shape[-3:]:
            raise ConfigError(f"known is {tuple(self.known.shape)}, F_hkl {tuple(self.F_hkl.shape)}")

    def check_values(self) -> None:
        """Refuse structure factors that are not finite, unless they do not count as listed.

        Raises:
            ConfigError: One is NaN or infinite.
        """
        bad = ~torch.isfinite(self.F_hkl.detach())
        if self.known is not None:
            bad = bad & self.known.to(bad.device)
        if bool(bad.any()):
            hkl = (bad.nonzero()[0].cpu() + torch.tensor(self.origin)).tolist()
            raise ConfigError(f"the structure factor of {' '.join(map(str, hkl))} is not finite")

    def padded(self, default_F: Tensor, margin: int = 1) -> tuple[Tensor, tuple[int, int, int]]:
        """The table with unlisted entries filled and a margin of ``default_F`` around it.

        Args:
            default_F: Amplitude of everything that is not listed.
            margin: Width of the margin in entries.

        Returns:
            The table and the index of its first entry.
        """
        kind = TensorKind(default_F.dtype, default_F.device)
        table = kind.scalar(self.F_hkl)
        if self.known is not None:
            table = torch.where(self.known.to(kind.device), table, default_F)
        inside = torch.nn.functional.pad(torch.ones_like(table, dtype=torch.bool), (margin,) * 6)
        table = torch.where(inside, torch.nn.functional.pad(table, (margin,) * 6), default_F)
        start = self.origin
        return table, (start[0] - margin, start[1] - margin, start[2] - margin)

    @property
    def upper(self) -> tuple[int, int, int]:
        """Index h, k, l of the last entry."""
        last = [start + size - 1 for start, size in zip(self.origin, self.F_hkl.shape[-3:], strict=True)]
        return last[0], last[1], last[2]
