"""What a run says about itself when it is done."""

from __future__ import annotations

import dataclasses
import json
import math
from importlib import metadata
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradbragg.models.image_header import image_header
from gradbragg.models.reflections import ReflectionTable
from gradbragg.models.run_config import Roi
from gradbragg.simulation.pixel_set import PixelSet

if TYPE_CHECKING:
    from gradbragg.cli.finished import Finished
    from gradbragg.models.config import BeamConfig, CrystalConfig, DetectorConfig
    from gradbragg.models.run_config import RunConfig

SUMMARY_VERSION = 1
"""Of the layout of the JSON summary."""

_FEW = 16
"""Tensors of more numbers are described, not listed."""


def text_summary(finished: Finished, written: list[str]) -> str:
    """A few lines for a person.

    Args:
        finished: The run.
        written: A line about each file.
    """
    s = finished.statistics
    share = 100.0 * s.solid_angle_sr / (4.0 * math.pi)
    lines = [
        f"solid angle = {s.solid_angle_sr:.6g} sr ({share:.4g} % of the sphere)",
        f"max_I = {s.maximum:.6g} at pixel (fast {s.fast}, slow {s.slow}), {s.place_m[0]:.6g} {s.place_m[1]:.6g} m",
        f"sum = {s.total:.9g}  mean = {s.mean:.6g}  rms = {s.rms:.6g}  rmsd = {s.rmsd:.6g} photons/pixel",
        *written,
    ]
    return "\n".join(lines) + "\n"


def json_summary(finished: Finished) -> str:
    """Everything about a run for a program: settings with their origins, what followed from them, statistics.

    Args:
        finished: The run.
    """
    crystal, detector, beam, run = finished.resolved.configs
    sections: dict[str, CrystalConfig | DetectorConfig | BeamConfig | RunConfig]
    sections = {"crystal": crystal, "detector": detector, "beam": beam, "run": run}
    origins = finished.resolved.fields
    settings = {
        section: {
            field.name: {
                "value": _plain(getattr(config, field.name)),
                "origin": origins[section].get(field.name, "default"),
            }
            for field in dataclasses.fields(config)
        }
        for section, config in sections.items()
    }
    summary = {
        "summary_version": SUMMARY_VERSION,
        "program": {"gradbragg": metadata.version("gradtriage"), "torch": torch.__version__},
        "settings": settings,
        "warnings": finished.warnings,
        "outputs": dataclasses.asdict(finished.resolved.outputs),
        "resolved": _resolved(finished),
        "statistics": dataclasses.asdict(finished.statistics),
    }
    return json.dumps(summary, indent=2) + "\n"


def _resolved(finished: Finished) -> dict[str, object]:
    """What was left open and followed from the rest."""
    simulator = finished.simulator
    with torch.no_grad():
        scene = simulator.scene(PixelSet.of(simulator.rendered_pixels().indices[:1]))
        state = simulator.crystal.build_state(rules=simulator.run_config.rules)
    plan, geometry = scene.plan, scene.optics.geometry
    return {
        "oversample": math.isqrt(plan.subpixels.shape[0]),
        "sources": plan.sources.wavelength.shape[0],
        "orientations": plan.orientations,
        "sensor_layers": plan.depths.shape[0],
        "evaluations_per_pixel": plan.steps,
        "interpolated": scene.lattice.structure.interpolate,
        "cells": _plain(scene.lattice.cells),
        "real_vectors_angstrom": _plain(state.unrotated),
        "photons_per_steradian_and_electron": _plain(scene.flux),
        "pix0_m": _plain(geometry.pix0),
        "fast_axis": _plain(geometry.fast),
        "slow_axis": _plain(geometry.slow),
        "normal": _plain(geometry.normal),
        "beam": _plain(geometry.beam),
        "header": dataclasses.asdict(image_header(simulator.crystal, simulator.detector, simulator.beam)),
    }


def _plain(value: object) -> object:
    """A value as JSON knows it."""
    if isinstance(value, Tensor):
        if value.numel() > _FEW:
            return f"{'x'.join(map(str, value.shape))} {str(value.dtype).removeprefix('torch.')}"
        return value.detach().tolist()
    if isinstance(value, ReflectionTable):
        low, high = value.origin, value.upper
        listed = value.F_hkl.numel() if value.known is None else int(value.known.sum())
        return {"reflections": listed, "from": list(low), "to": list(high)}
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, Roi):
        return dataclasses.asdict(value)
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    return value
