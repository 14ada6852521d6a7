"""What a run says about itself when it is done."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradbragg.cli.outputs import Finished


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
    """Statistics for a program."""
    return json.dumps({"statistics": dataclasses.asdict(finished.statistics)}, indent=2) + "\n"
