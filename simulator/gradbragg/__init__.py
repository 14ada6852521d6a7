"""Differentiable X-ray diffraction images, compatible with the flags of nanoBragg.

>>> import gradbragg as gb
>>> crystal, detector, beam, run = gb.configs_from_flags("-cell 100 -N 5 -default_F 100 -detpixels 8".split())
>>> image = gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run).run()
>>> tuple(image.shape)
(8, 8)
"""

from __future__ import annotations

from gradbragg.errors import (
    BlankImageWarning,
    ConfigError,
    FileError,
    FlagWarning,
    GradBraggError,
    GradBraggWarning,
    UnsupportedError,
    UsageError,
)
from gradbragg.flags import configs_from_flags
from gradbragg.io.atomic_model import structure_factors_of_model
from gradbragg.io.cif import read_cif
from gradbragg.io.fdump import read_fdump, write_fdump
from gradbragg.io.hkl_text import read_hkl
from gradbragg.io.mtz import read_mtz
from gradbragg.io.nexus import write_nexus
from gradbragg.models.beam import Beam
from gradbragg.models.config import BeamConfig, CrystalConfig, DetectorConfig
from gradbragg.models.crystal import Crystal, CrystalState
from gradbragg.models.crystal_data import CrystalData
from gradbragg.models.detector import Detector, DetectorGeometry
from gradbragg.models.reflections import ReflectionTable
from gradbragg.models.run_config import Roi, RunConfig
from gradbragg.simulation.noise import photon_counts
from gradbragg.simulation.simulator import Simulator

__all__ = [
    "Beam",
    "BeamConfig",
    "BlankImageWarning",
    "ConfigError",
    "Crystal",
    "CrystalConfig",
    "CrystalData",
    "CrystalState",
    "Detector",
    "DetectorConfig",
    "DetectorGeometry",
    "FileError",
    "FlagWarning",
    "GradBraggError",
    "GradBraggWarning",
    "ReflectionTable",
    "Roi",
    "RunConfig",
    "Simulator",
    "UnsupportedError",
    "UsageError",
    "configs_from_flags",
    "photon_counts",
    "read_cif",
    "read_fdump",
    "read_hkl",
    "read_mtz",
    "structure_factors_of_model",
    "write_fdump",
    "write_nexus",
]
