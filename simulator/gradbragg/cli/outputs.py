"""Writing everything that a run was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from gradbragg.cli.summary import json_summary
from gradbragg.io.atomic import write_atomically
from gradbragg.io.counts import count_scale, gray_scale, scaled_counts, stored_counts
from gradbragg.io.float_image import write_float_image
from gradbragg.io.nexus import write_nexus
from gradbragg.io.pgm import write_pgm
from gradbragg.io.png import write_png
from gradbragg.io.smv_image import write_smv
from gradbragg.models.image_header import image_header
from gradbragg.simulation.noise import photon_counts, reference_photon_counts

if TYPE_CHECKING:
    from torch import Tensor

    from gradbragg.cli.finished import Finished


def write_outputs(finished: Finished) -> list[str]:
    """Write the files in the reference program's order: raw, SMV, PGM, noise; then gradbragg's own.

    Returns:
        A line about each.

    Raises:
        FileError: One of them cannot be written.
    """
    outputs = finished.resolved.outputs
    image = finished.image
    write_float_image(outputs.float_image, image)
    written = [f"wrote {outputs.float_image}"]
    if outputs.int_image is not None:
        written.append(_write_counts(finished, outputs.int_image))
    if outputs.pgm is not None:
        written.append(_write_pgm(finished, outputs.pgm))
    if outputs.noise_image is not None:
        written.append(_write_noise(finished, outputs.noise_image))
    if outputs.png is not None:
        write_png(outputs.png, image)
        written.append(f"wrote {outputs.png}")
    if outputs.nexus is not None:
        write_nexus(outputs.nexus, image, finished.simulator)
        written.append(f"wrote {outputs.nexus}")
    if outputs.json is not None and outputs.json != "-":
        write_atomically(outputs.json, json_summary(finished).encode())
        written.append(f"wrote {outputs.json}")
    return written


def _photons(image: Tensor) -> np.ndarray:
    """The image as the raw file holds it."""
    return image.detach().to("cpu", torch.float32).contiguous().numpy()


def _scale(finished: Finished) -> float:
    return count_scale(finished.resolved.outputs.scale, finished.statistics.maximum)


def _region(finished: Finished) -> tuple[slice, slice]:
    """Slow and fast indices of the region of interest, whatever the mask; all else stays 0 in SMV images."""
    roi = finished.simulator.run_config.roi
    if roi is None:
        return slice(None), slice(None)
    return slice(roi.slow_min, roi.slow_max + 1), slice(roi.fast_min, roi.fast_max + 1)


def _write_smv(finished: Finished, path: str, counts: np.ndarray) -> None:
    simulator = finished.simulator
    header = image_header(simulator.crystal, simulator.detector, simulator.beam)
    write_smv(path, counts, header, six_digits=simulator.run_config.compat)


def _write_counts(finished: Finished, path: str) -> str:
    region, scale = _region(finished), _scale(finished)
    counts = np.zeros(tuple(finished.image.shape), np.uint16)
    counts[region] = scaled_counts(_photons(finished.image)[region], scale, finished.resolved.outputs.adc_offset)
    _write_smv(finished, path, counts)
    return f"wrote {path}: counts = {scale:.6g} photons + {finished.resolved.outputs.adc_offset:g}"


def _write_pgm(finished: Finished, path: str) -> str:
    scale = gray_scale(finished.resolved.outputs.pgm_scale, finished.statistics, _scale(finished))
    write_pgm(path, _photons(finished.image), scale)
    return f"wrote {path}: gray = {scale:.6g} photons"


def _write_noise(finished: Finished, path: str) -> str:
    outputs, region = finished.resolved.outputs, _region(finished)
    expected = finished.image[region]
    crystal, run = finished.simulator.crystal.config, finished.simulator.run_config
    if run.compat:
        drawn = reference_photon_counts(
            expected.to(torch.float32).reshape(-1), outputs.seed, crystal.mosaic_seed, crystal.mosaic_domains
        ).reshape(expected.shape)
    else:
        drawn = photon_counts(expected, outputs.seed)
    counts = np.zeros(tuple(finished.image.shape), np.uint16)
    counts[region], overloads = stored_counts(drawn, outputs.adc_offset)
    _write_smv(finished, path, counts)
    return f"wrote {path}: {drawn.sum():.0f} photons, {overloads} overloads, seed {outputs.seed}"
