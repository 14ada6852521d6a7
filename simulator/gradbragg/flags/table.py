"""Every flag, by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradbragg.flags.beam_table import BEAM
from gradbragg.flags.crystal_table import CRYSTAL, STRUCTURE_FACTORS
from gradbragg.flags.detector_table import CONVENTION, DETECTOR, SAMPLING
from gradbragg.flags.output_table import OUTPUT, OWN

if TYPE_CHECKING:
    from gradbragg.flags.declaration import Flag

REFERENCE_GROUPS = (CRYSTAL, STRUCTURE_FACTORS, BEAM, DETECTOR, CONVENTION, SAMPLING, OUTPUT)
"""The flags that the reference program knows too."""

GROUPS = (*REFERENCE_GROUPS, OWN)

REFERENCE_FLAGS: tuple[Flag, ...] = tuple(flag for group in REFERENCE_GROUPS for flag in group.flags)

FLAGS: tuple[Flag, ...] = tuple(flag for group in GROUPS for flag in group.flags)
