"""Settings to a detector configuration."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from gradbragg.errors import FlagWarning, UsageError
from gradbragg.io.smv import read_mask
from gradbragg.models.config import MAX_PIXELS, DetectorConfig
from gradbragg.models.conventions import CONVENTIONS
from gradbragg.models.run_config import Roi
from gradbragg.units import MM_IN_METRE

if TYPE_CHECKING:
    from gradbragg.flags.settings import Settings
    from gradbragg.models.conventions import Pivot

_NAMED = ("-mosflm", "-denzo", "-adxv", "-xds", "-dials")
_VECTORS = (
    "-fdet_vector",
    "-sdet_vector",
    "-odet_vector",
    "-beam_vector",
    "-polar_vector",
    "-spindle_axis",
    "-twotheta_axis",
    "-pix0_vector",
    "-pix0_vector_mm",
)
_Pair = tuple[float | None, float | None]


def convention(settings: Settings) -> str:
    """The convention: the last that was named, or custom after a vector."""
    last = settings.last(*_NAMED, *_VECTORS)
    if last is None:
        return "mosflm"
    settings.origins["convention"] = f"flag {last.flag.name}"
    return last.flag.name.removeprefix("-") if last.flag.name in _NAMED else "custom"


def detector_config(settings: Settings) -> DetectorConfig:
    """The detector that the settings describe.

    Raises:
        GradBraggError: The settings do not describe a detector.
    """
    name = convention(settings)
    custom = name == "custom"
    pixel = settings.first_known("-pixel", "PIXEL_SIZE", 0.1)
    if not pixel > 0:
        raise UsageError(f"-pixel needs a size above 0 mm, got {pixel:g}")
    (n_fast, size_fast), (n_slow, size_slow) = (_extent(settings, axis, pixel) for axis in "fs")
    pivot = _pivot(settings, custom)
    distance, close = _distances(settings, (pivot or CONVENTIONS[name].pivot) == "sample")
    thickness, depth = _sensor(settings)
    layers = settings.number("-detector_thicksteps")
    mask = next((header for flag, header in settings.headers if flag == "-mask"), None)
    return DetectorConfig(
        convention=name,
        n_fast=n_fast,
        n_slow=n_slow,
        pixel_size_mm=pixel,
        detector_size_mm=None if size_fast is size_slow is None else (size_fast, size_slow),
        distance_mm=distance,
        close_distance_mm=close,
        beam_center_mm=_beam_center(settings, name, n_slow * pixel),
        near_point_mm=_pair(settings.number("-Xclose"), settings.number("-Yclose")) if custom else None,
        origin_pixels=_pair(_flag_or_header(settings, "-ORGX", "ORGX"), _flag_or_header(settings, "-ORGY", "ORGY")),
        pix0_mm=_corner(settings) if custom and not settings.compat else None,
        pivot=pivot,
        rotation_deg=_rotation(settings),
        twotheta_deg=_twotheta(settings),
        fast_axis=settings.vector("-fdet_vector") if custom else None,
        slow_axis=settings.vector("-sdet_vector") if custom else None,
        normal=settings.vector("-odet_vector") if custom else None,
        twotheta_axis=settings.vector("-twotheta_axis") if custom else None,
        point_pixel=settings.has("-point_pixel"),
        curved=settings.has("-curved_det"),
        thickness_um=thickness,
        attenuation_um=depth,
        thickness_steps=int(layers) if layers and layers > 0 else None,
        mask=None if mask is None else read_mask(mask, native_order=settings.compat),
    )


def region_of_interest(settings: Settings, config: DetectorConfig) -> Roi | None:
    """The rectangle of pixels to simulate; None: all."""
    given = settings.last("-roi")
    if given is None:
        return None
    x0, x1, y0, y1 = (int(given.number(i)) for i in range(4))
    x0, y0 = max(x0, 0), max(y0, 0)
    x1 = x1 if x1 >= 0 else config.n_fast
    y1 = y1 if y1 >= 0 else config.n_slow
    if not settings.compat and (x0 > x1 or y0 > y1 or x0 >= config.n_fast or y0 >= config.n_slow):
        raise UsageError(f"-roi {x0} {x1} {y0} {y1} holds no pixel of {config.n_fast} x {config.n_slow}")
    return Roi(x0, x1, y0, y1)


def _pair(first: float | None, second: float | None) -> _Pair | None:
    return None if first is second is None else (first, second)


def _flag_or_header(settings: Settings, flag: str, key: str) -> float | None:
    value = settings.number(flag)
    if value is not None:
        return value
    value = settings.header(key)
    return settings.header(f"XDS_{key}") if value is None and not settings.compat else value


def _distances(settings: Settings, about_sample: bool) -> tuple[float, float | None]:
    """Distance along the beam, and along the normal where that is the one that counts.

    A flag beats a header. Of a header that has both, the one that the pivot keeps counts. The reference
    program knows a single rule: a close distance beats a distance, wherever they come from.
    """
    distance = settings.first_known("-distance", "DISTANCE", 100.0)
    close = settings.number("-close_distance")
    if close is not None:
        return distance, close
    if settings.compat:
        return distance, settings.header("CLOSE_DISTANCE")
    if settings.has("-distance") or (settings.header("DISTANCE") is not None and not about_sample):
        return distance, None
    return distance, settings.header("CLOSE_DISTANCE")


def _extent(settings: Settings, axis: str, pixel: float) -> tuple[int, float | None]:
    """Pixels along an axis, and the edge where that was what was given."""
    count = settings.number(f"-detpixels_{axis}", "-detpixels")
    if count is None or (settings.compat and count <= 0):
        count = settings.header("SIZE1" if axis == "f" else "SIZE2") or settings.header("DETECTOR_DIMENSIONS")
    if count is not None:
        if count < 1 or count > MAX_PIXELS:
            raise UsageError(f"-detpixels_{axis} needs 1 to {MAX_PIXELS} pixels, got {count:g}")
        return int(count), None
    edge = settings.number(f"-detsize_{axis}", "-detsize")
    edge = 102.4 if edge is None else edge
    count = math.ceil(edge / pixel - 0.5)
    if count < 1 or count > MAX_PIXELS:
        raise UsageError(f"-detsize {edge:g} mm with -pixel {pixel:g} mm makes {count} pixels; 1 or more are needed")
    return count, edge


def _beam_center(settings: Settings, name: str, slow_edge: float) -> _Pair | None:
    X, Y = settings.number("-Xbeam"), settings.number("-Ybeam")
    if name in ("xds", "dials"):
        for flag in ("-Xbeam", "-Ybeam", "-Xclose", "-Yclose"):
            if settings.has(flag):
                text = f"{flag} has no effect in the {name} convention; -ORGX and -ORGY move the beam centre"
                warnings.warn(text, FlagWarning, stacklevel=4)
        return None
    if X is None:
        X = settings.header("BEAM_CENTER_X")
    if Y is None:
        Y = settings.header("BEAM_CENTER_Y")
        origin = settings.origins.get("BEAM_CENTER_Y", "")
        if Y is not None and settings.compat and origin.startswith("header -mask"):
            Y = slow_edge - Y  # the reference program turns the beam centre of a mask over
    return _pair(X, Y)


def _pivot(settings: Settings, custom: bool) -> Pivot | None:
    explicit = settings.last("-pivot")
    words: dict[str, Pivot] = {"sample": "sample", "beam": "beam"}
    chosen: Pivot | None = None
    if explicit is not None:
        word = str(explicit.values[0])
        chosen = next((pivot for text, pivot in words.items() if text in word), None)
        if chosen is None and not settings.compat:
            raise UsageError(f"-pivot needs the word sample or beam, got {word!r}")
    if not custom:
        if chosen is not None and settings.compat:
            warnings.warn("-pivot has no effect in a named convention", FlagWarning, stacklevel=4)
        return None if settings.compat else chosen
    asking = [given for given in settings.given if given.flag.pivot is not None]
    last = max(asking, key=lambda given: given.position, default=None)
    if last is None or (chosen is not None and explicit is not None and explicit.position > last.position):
        return chosen
    return last.flag.pivot


def _corner(settings: Settings) -> tuple[float, float, float] | None:
    """Corner of the detector in mm; the reference program discards it."""
    given = settings.last("-pix0_vector", "-pix0_vector_mm")
    if given is None:
        return None
    factor = MM_IN_METRE if given.flag.name == "-pix0_vector" else 1.0
    x, y, z = (factor * given.number(i) for i in range(3))
    return x, y, z


def _rotation(settings: Settings) -> tuple[float, float, float]:
    x, y, z = (settings.number(f"-detector_rot{axis}") or 0.0 for axis in "xyz")
    return x, y, z


def _twotheta(settings: Settings) -> float:
    value = settings.number("-twotheta")
    if value is None and not settings.compat:  # the reference program loses the header's
        value = settings.header("TWOTHETA")
    return value or 0.0


def _sensor(settings: Settings) -> tuple[float, float | None]:
    """Thickness and attenuation depth in micrometres."""
    thickness = settings.number("-detector_thick") or 0.0
    if settings.compat:
        thickness = max(thickness, 0.0)
    absorb = settings.last("-detector_abs")
    if absorb is None:
        return thickness, None
    depth = absorb.number()
    if math.isfinite(depth) and depth != 0:
        if depth < 0:
            raise UsageError(f"-detector_abs needs a depth above 0 um, got {depth:g}")
        return thickness, depth
    thick = settings.last("-detector_thick")
    if thickness and thick is not None and thick.position > absorb.position:
        # nothing would be captured: every pixel would be black
        raise UsageError("-detector_thick needs a finite -detector_abs above 0 um, or none")
    return 0.0, None
