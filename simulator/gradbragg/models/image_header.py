"""What an image's header says about the experiment (docs/physics.md, section 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradbragg.models.beam_center import detector_points
from gradbragg.units import MM, TensorKind, plain_number

if TYPE_CHECKING:
    from gradbragg.models.beam import Beam
    from gradbragg.models.crystal import Crystal
    from gradbragg.models.detector import Detector, DetectorGeometry

BLANK_IMAGE = "the crystal has no structure factor other than 0 (default_F and all that are listed): the image is blank"


@dataclass(frozen=True)
class ImageHeader:
    """Plain numbers in the units of headers: mm, degrees, angstrom, pixels.

    Args:
        pixel_mm: Pixel edge.
        distance_mm: Along the beam.
        close_distance_mm: Along the detector normal.
        wavelength_angstrom: Mean wavelength.
        beam_center_mm: X and Y as the detector's convention defines them.
        spot_mm: Where the beam meets the detector, from its corner along fast and slow.
        slow_edge_mm: Edge of the detector along slow.
        near_mm: Point nearest to the sample, from the corner along fast and slow.
        dials_origin_mm: Corner of the detector in the frame of DIALS.
        phi_deg: Spindle angle at the start.
        osc_deg: Rotation range.
        twotheta_deg: Swing of the detector.
        note: What whoever looks at the image needs to know.
    """

    pixel_mm: float
    distance_mm: float
    close_distance_mm: float
    wavelength_angstrom: float
    beam_center_mm: tuple[float, float]
    spot_mm: tuple[float, float]
    slow_edge_mm: float
    near_mm: tuple[float, float]
    dials_origin_mm: tuple[float, float, float]
    phi_deg: float
    osc_deg: float
    twotheta_deg: float
    note: str | None = None

    def before_origin(self) -> dict[str, float]:
        """Keys and values that come before DIALS_ORIGIN, in order."""
        fast, slow = self.spot_mm
        half = self.pixel_mm / 2.0
        return {
            "PIXEL_SIZE": self.pixel_mm,
            "DISTANCE": self.distance_mm,
            "WAVELENGTH": self.wavelength_angstrom,
            "BEAM_CENTER_X": self.beam_center_mm[0],
            "BEAM_CENTER_Y": self.beam_center_mm[1],
            "ADXV_CENTER_X": fast,
            "ADXV_CENTER_Y": self.slow_edge_mm - slow,
            "MOSFLM_CENTER_X": slow - half,
            "MOSFLM_CENTER_Y": fast - half,
            "DENZO_X_BEAM": slow,
            "DENZO_Y_BEAM": fast,
        }

    def after_origin(self) -> dict[str, float]:
        """Keys and values that come after DIALS_ORIGIN, in order."""
        return {
            "XDS_ORGX": self.near_mm[0] / self.pixel_mm + 0.5,
            "XDS_ORGY": self.near_mm[1] / self.pixel_mm + 0.5,
            "CLOSE_DISTANCE": self.close_distance_mm,
            "PHI": self.phi_deg,
            "OSC_START": self.phi_deg,
            "OSC_RANGE": self.osc_deg,
            "TWOTHETA": self.twotheta_deg,
        }


def image_header(crystal: Crystal, detector: Detector, beam: Beam) -> ImageHeader:
    """The header of an image of this experiment; values are read without their gradients.

    Args:
        crystal: The crystal.
        detector: The detector.
        beam: The beam.
    """
    config = detector.config
    geometry = detector.geometry(beam_direction=beam.config.direction)
    pixel = plain_number(config.pixel_size_mm)
    spot, near = beam_spot_mm(geometry), near_point_mm(geometry)
    x, y, z = (float(v) / MM for v in geometry.pix0.detach())
    return ImageHeader(
        pixel_mm=pixel,
        distance_mm=plain_number(geometry.distance) / MM,
        close_distance_mm=plain_number(geometry.close_distance) / MM,
        wavelength_angstrom=plain_number(beam.config.wavelength_angstrom),
        beam_center_mm=spot if config.pix0_mm is not None else _as_convention(detector, pixel),
        note=None if crystal.has_structure_factors() else BLANK_IMAGE,
        spot_mm=spot,
        slow_edge_mm=config.n_slow * pixel,
        near_mm=near,
        dials_origin_mm=(z, y, -x),
        phi_deg=plain_number(crystal.config.phi_start_deg),
        osc_deg=plain_number(crystal.config.osc_deg),
        twotheta_deg=plain_number(config.twotheta_deg),
    )


def beam_spot_mm(geometry: DetectorGeometry) -> tuple[float, float]:
    """Where the beam meets the detector's plane, from its corner along fast and slow."""
    spot = (geometry.distance * geometry.beam - geometry.pix0).detach()
    return float((spot * geometry.fast).sum()) / MM, float((spot * geometry.slow).sum()) / MM


def near_point_mm(geometry: DetectorGeometry) -> tuple[float, float]:
    """Point of the detector's plane nearest to the sample, from its corner along fast and slow."""
    pix0 = geometry.pix0.detach()
    return -float((pix0 * geometry.fast).sum()) / MM, -float((pix0 * geometry.slow).sum()) / MM


def _as_convention(detector: Detector, pixel: float) -> tuple[float, float]:
    """X and Y of the beam centre, from which the same detector follows when the header is read."""
    config = detector.config
    points = detector_points(config, TensorKind())
    fast, slow = plain_number(points.beam_fast) / MM, plain_number(points.beam_slow) / MM
    if config.convention in ("mosflm", "denzo"):
        shift = pixel / 2.0 if config.convention == "mosflm" else 0.0
        return slow - shift, fast - shift
    if config.convention == "adxv":
        return fast, config.n_slow * pixel - slow
    return fast, slow
