"""NeXus files: HDF5 with an image, its detector and its beam (docs/physics.md, section 10)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from gradbragg.errors import ConfigError
from gradbragg.io.atomic import write_atomically
from gradbragg.io.optional import optional_module
from gradbragg.kernels.rotation import unit
from gradbragg.models.image_header import image_header
from gradbragg.units import MM, TensorKind

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from gradbragg.models.detector import DetectorGeometry
    from gradbragg.models.image_header import ImageHeader
    from gradbragg.simulation.simulator import Simulator

_CHUNK = 512
"""Edge of the compressed tiles, pixels."""

_CORNER = "/entry/instrument/detector/transformations/corner"
_PHI = "/entry/sample/transformations/phi"


def write_nexus(path: str | Path, image: Tensor, simulator: Simulator) -> None:
    """Write an image as a NeXus file after the application definition NXmx.

    ``/entry/data/data`` is the image, a stack of one. Vectors are in the frame of NeXus: z along the beam, x
    along the polarization.

    Args:
        path: The file.
        image: Expected photons ``(slow, fast)``.
        simulator: What made it.

    Raises:
        ConfigError: The image is not that of the simulator's detector, or one of a batch.
        FileError: It cannot be written.
        UnsupportedError: h5py is not installed.
    """
    h5py = optional_module("h5py", "writing NeXus")
    config = simulator.detector.config
    if tuple(image.shape) != (config.n_slow, config.n_fast):
        raise ConfigError(f"the image is {tuple(image.shape)}, the detector {(config.n_slow, config.n_fast)}")
    header = image_header(simulator.crystal, simulator.detector, simulator.beam)
    geometry = simulator.detector.geometry(beam_direction=simulator.beam.config.direction)
    frame = nexus_frame(simulator, geometry)
    photons = image.detach().cpu().numpy()
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["default"] = "entry"
        entry = _group(file, "entry", "NXentry")
        entry.attrs["default"] = "data"
        entry["definition"] = "NXmx"
        _add_image(entry, photons, header.note)
        instrument = _group(entry, "instrument", "NXinstrument")
        _add_quantity(
            _group(instrument, "beam", "NXbeam"), "incident_wavelength", header.wavelength_angstrom, "angstrom"
        )
        _add_detector(_group(instrument, "detector", "NXdetector"), photons.shape, header, geometry, frame)
        _add_sample(_group(entry, "sample", "NXsample"), header, frame @ _spindle(simulator))
    write_atomically(path, buffer.getvalue())


def nexus_frame(simulator: Simulator, geometry: DetectorGeometry) -> np.ndarray:
    """Rows x, y, z of the frame of NeXus in the laboratory frame ``(3, 3)``."""
    axis = simulator.beam.config.polarization_axis
    z = geometry.beam.detach().cpu().numpy()
    p = unit(TensorKind().vector(axis if axis is not None else simulator.detector.convention.polarization))
    x = p.detach().numpy() - (p.detach().numpy() @ z) * z
    if np.linalg.norm(x) < 1e-6:  # a beam along the polarization: any direction across it
        x = np.eye(3)[np.abs(z).argmin()]
        x = x - (x @ z) * z
    x = x / np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


def _spindle(simulator: Simulator) -> np.ndarray:
    axis = simulator.crystal.config.spindle_axis
    vector = unit(TensorKind().vector(axis if axis is not None else simulator.detector.convention.spindle))
    found: np.ndarray = vector.detach().numpy()
    return found


def _group(parent: Any, name: str, kind: str) -> Any:  # noqa: ANN401  h5py's
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    return group


def _add_quantity(group: Any, name: str, value: object, unit_name: str, **attributes: object) -> None:  # noqa: ANN401
    group[name] = value
    for key, attribute in {"units": unit_name, **attributes}.items():
        group[name].attrs[key] = attribute


def _add_image(entry: Any, photons: np.ndarray, note: str | None) -> None:  # noqa: ANN401  h5py's
    data = _group(entry, "data", "NXdata")
    data.attrs["signal"] = "data"
    tile = (1, *(min(_CHUNK, n) for n in photons.shape))
    data.create_dataset("data", data=photons[None], chunks=tile, compression="gzip", compression_opts=1)
    data["data"].attrs["long_name"] = "expected photons"
    if note is not None:
        data["data"].attrs["comment"] = note


def _add_detector(
    detector: Any,  # noqa: ANN401  h5py's
    shape: tuple[int, ...],
    header: ImageHeader,
    geometry: DetectorGeometry,
    frame: np.ndarray,
) -> None:
    detector["description"] = "simulated"
    detector["depends_on"] = _CORNER
    _add_quantity(detector, "distance", header.distance_mm * MM, "m")
    _add_quantity(detector, "x_pixel_size", header.pixel_mm * MM, "m")
    _add_quantity(detector, "y_pixel_size", header.pixel_mm * MM, "m")
    _add_quantity(detector, "beam_center_x", header.spot_mm[0] / header.pixel_mm, "pixel")
    _add_quantity(detector, "beam_center_y", header.spot_mm[1] / header.pixel_mm, "pixel")
    corner, fast, slow = (frame @ v.detach().cpu().numpy() for v in (geometry.pix0, geometry.fast, geometry.slow))
    away = float(np.linalg.norm(corner))
    moves = _group(detector, "transformations", "NXtransformations")
    shift = {"transformation_type": "translation"}
    _add_quantity(moves, "corner", [away / MM], "mm", vector=corner / away, depends_on=".", **shift)
    module = _group(detector, "module", "NXdetector_module")
    module["data_origin"] = [0, 0]
    module["data_size"] = list(shape)
    for name, vector in (("fast_pixel_direction", fast), ("slow_pixel_direction", slow)):
        _add_quantity(module, name, [header.pixel_mm], "mm", vector=vector, depends_on=_CORNER, **shift)


def _add_sample(sample: Any, header: ImageHeader, spindle: np.ndarray) -> None:  # noqa: ANN401  h5py's
    sample["name"] = "simulated crystal"
    sample["depends_on"] = _PHI
    moves = _group(sample, "transformations", "NXtransformations")
    turn = {"transformation_type": "rotation", "vector": spindle, "depends_on": "."}
    _add_quantity(moves, "phi", [header.phi_deg], "deg", **turn)
    _add_quantity(moves, "phi_range_total", [header.osc_deg], "deg")
