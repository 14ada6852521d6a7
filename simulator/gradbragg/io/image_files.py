"""Images of any kind that gradbragg writes, with what their headers say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gradbragg.errors import FileError, UnsupportedError
from gradbragg.io.optional import optional_module
from gradbragg.io.smv import SmvHeader, read_pixels, read_smv_header
from gradbragg.io.text import read_bytes
from gradbragg.models.image_header import ImageHeader

if TYPE_CHECKING:
    from collections.abc import Callable

_HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, eq=False)
class StoredImage:
    """An image and what is known about it.

    Args:
        pixels: ``(slow, fast)``.
        header: Geometry.
    """

    pixels: np.ndarray
    header: ImageHeader


def read_image(path: str | Path) -> StoredImage:
    """Read an SMV or NeXus image.

    Args:
        path: The file.

    Raises:
        FileError: It cannot be read, or is neither.
        UnsupportedError: It is NeXus and h5py is not installed.
    """
    content = read_bytes(path)
    if content.startswith(_HDF5):
        return _read_nexus(path)
    if content.startswith(b"{\nHEADER_BYT"):
        header = read_smv_header(path)
        return StoredImage(read_pixels(header), smv_geometry(header))
    raise FileError(path, "is neither SMV nor NeXus; write one with -intfile, -noisefile or --nexus")


def smv_geometry(header: SmvHeader) -> ImageHeader:
    """The geometry of an SMV header, from whichever of its keys there are.

    Raises:
        FileError: Pixel size, distance or wavelength are missing.
    """
    pixel, distance, wavelength = (_needed(header, key) for key in ("PIXEL_SIZE", "DISTANCE", "WAVELENGTH"))
    fast, slow = header.number("DENZO_Y_BEAM"), header.number("DENZO_X_BEAM")
    if fast is None or slow is None:  # of other programs: mosflm's reading of the beam centre
        fast, slow = (_needed(header, f"BEAM_CENTER_{axis}") + pixel / 2.0 for axis in "YX")
    close = header.number("CLOSE_DISTANCE") or distance
    near = tuple(header.number(f"XDS_ORG{axis}") for axis in "XY")
    return _geometry(
        pixel=pixel,
        distance=distance,
        close=close,
        wavelength=wavelength,
        spot=(fast, slow),
        near=tuple((fast, slow)[i] if org is None else (org - 0.5) * pixel for i, org in enumerate(near)),
        note=header.word("COMMENT"),
    )


def _needed(header: SmvHeader, key: str) -> float:
    value = header.number(key)
    if value is None or value == 0:
        raise FileError(header.path, f"the header has no {key}")
    return value


def _geometry(
    pixel: float,
    distance: float,
    close: float,
    wavelength: float,
    spot: tuple[float, ...],
    near: tuple[float, ...],
    note: str | None,
) -> ImageHeader:
    """A header of which only what spacings depend on is known."""
    return ImageHeader(
        pixel_mm=pixel,
        distance_mm=distance,
        close_distance_mm=close,
        wavelength_angstrom=wavelength,
        beam_center_mm=(spot[0], spot[1]),
        spot_mm=(spot[0], spot[1]),
        slow_edge_mm=0.0,
        near_mm=(near[0], near[1]),
        dials_origin_mm=(0.0, 0.0, 0.0),
        phi_deg=0.0,
        osc_deg=0.0,
        twotheta_deg=0.0,
        note=note,
    )


def _read_nexus(path: str | Path) -> StoredImage:
    h5py = optional_module("h5py", "reading NeXus")
    try:
        with h5py.File(path, "r") as file:
            pixels = np.asarray(file["/entry/data/data"][0])
            return StoredImage(pixels, _nexus_geometry(file))
    except UnsupportedError:
        raise
    except (OSError, KeyError, ValueError, IndexError, TypeError) as error:
        raise FileError(path, f"cannot be read as a NeXus image ({error})") from error


def _nexus_geometry(file: Any) -> ImageHeader:  # noqa: ANN401  h5py's
    detector = file["/entry/instrument/detector"]
    number: Callable[[str], float] = lambda name: float(detector[name][()])  # noqa: E731
    pixel = number("x_pixel_size") * 1000.0
    corner = detector["transformations/corner"]
    place = corner[0] * np.asarray(corner.attrs["vector"])
    fast, slow = (np.asarray(detector[f"module/{way}_pixel_direction"].attrs["vector"]) for way in ("fast", "slow"))
    return _geometry(
        pixel=pixel,
        distance=number("distance") * 1000.0,
        close=float(place @ np.cross(fast, slow)),
        wavelength=float(file["/entry/instrument/beam/incident_wavelength"][()]),
        spot=(number("beam_center_x") * pixel, number("beam_center_y") * pixel),
        near=(-float(place @ fast), -float(place @ slow)),
        note=file["/entry/data/data"].attrs.get("comment"),
    )
