"""What a user sets: frozen dataclasses in users' units.

Every continuous field takes a number or a tensor, and a tensor's gradient arrives. Whatever follows from
other fields (the beam centre, the close distance, the step between phi angles) is None until it is set,
and is worked out by the models from the values of the moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from torch import Tensor

from gradbragg.constants import DEFAULT_FLUENCE
from gradbragg.errors import ConfigError
from gradbragg.models.checks import (
    check_angles_close,
    check_directions,
    check_finite,
    check_not_negative,
    check_positive,
    check_product,
    numbers_in,
)
from gradbragg.models.conventions import CONVENTIONS, Pivot
from gradbragg.models.shapes import check_kinds
from gradbragg.units import Scalar, Vector

if TYPE_CHECKING:
    from gradbragg.models.reflections import ReflectionTable

Shape = Literal["square", "round", "gauss", "tophat"]
OptionalPair = tuple[Scalar | None, Scalar | None] | Tensor

_CELL = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")

MAX_PIXELS = 2**28
"""More pixels than any detector has: a guard against a slip of the finger."""


@dataclass(frozen=True, eq=False)
class CrystalConfig:
    """The crystal.

    Args:
        cell_a: Cell edge, angstrom. None, with the other five: the cell of ``reciprocal_matrix``.
        cell_b: Cell edge, angstrom.
        cell_c: Cell edge, angstrom.
        cell_alpha: Cell angle, degrees.
        cell_beta: Cell angle, degrees.
        cell_gamma: Cell angle, degrees.
        reciprocal_matrix: a*, b*, c* as columns ``(3, 3)``, 1/angstrom. With a cell it gives the directions
            and the cell gives the lengths.
        misset_deg: Rotation about the fixed axes x, then y, then z.
        n_cells: Cells along a, b, c; real numbers are fine. One number stands for all three.
        crystal_size_mm: Edges along a, b, c; None or an entry of None: ``n_cells`` decides.
        whole_cells: Round the cells of ``crystal_size_mm`` up to whole ones.
        shape: ``square``, ``round``, ``gauss`` or ``tophat``.
        fudge: Multiplies the squared radius of every shape but the square.
        tophat_softness: Width of the edge of tophat spots, in units of their squared radius, which has a slope
            then; 0: sharp.
        phi_start_deg: Spindle angle of the first step.
        osc_deg: Rotation range.
        phi_steps: Steps in the range; each is taken at its left edge.
        phi_step_deg: Angle between steps; None: ``osc_deg / phi_steps``.
        spindle_axis: Phi axis; None: that of the detector's convention.
        mosaic_spread_deg: Largest rotation of a mosaic domain.
        mosaic_domains: Domains; the first is never rotated.
        mosaic_seed: Seed of the domain orientations.
        default_F: Structure factor of every reflection that is not listed, electrons.
        reflections: Listed structure factors.
        interpolate: Tricubic interpolation between listed structure factors; None: when a row of cells
            has two or fewer.
        water_um: Edge of a cube of water around the crystal, micrometres.
    """

    cell_a: Scalar | None = 100.0
    cell_b: Scalar | None = 100.0
    cell_c: Scalar | None = 100.0
    cell_alpha: Scalar | None = 90.0
    cell_beta: Scalar | None = 90.0
    cell_gamma: Scalar | None = 90.0
    reciprocal_matrix: Tensor | None = None
    misset_deg: Vector = (0.0, 0.0, 0.0)
    n_cells: Vector | Scalar = (1.0, 1.0, 1.0)
    crystal_size_mm: tuple[Scalar | None, Scalar | None, Scalar | None] | None = None
    whole_cells: bool = False
    shape: Shape = "square"
    fudge: Scalar = 1.0
    tophat_softness: Scalar = 0.0
    phi_start_deg: Scalar = 0.0
    osc_deg: Scalar = 0.0
    phi_steps: int = 1
    phi_step_deg: Scalar | None = None
    spindle_axis: Vector | None = None
    mosaic_spread_deg: Scalar = 0.0
    mosaic_domains: int = 1
    mosaic_seed: int = 12345678
    default_F: Scalar = 0.0
    reflections: ReflectionTable | None = None
    interpolate: bool | None = None
    water_um: Scalar = 0.0

    def __post_init__(self) -> None:
        check_kinds(self)
        check_positive(self, "phi_steps", "mosaic_domains")
        check_product(self, "phi_steps", "mosaic_domains")
        check_not_negative(self, "fudge", "tophat_softness", "mosaic_spread_deg", "water_um")
        if self.shape not in ("square", "round", "gauss", "tophat"):
            raise ConfigError(f"shape is {self.shape!r}; one of square, round, gauss, tophat is needed")
        missing = sum(value is None for value in self.cell)
        if missing not in (0, 6) or (missing == 6 and self.reciprocal_matrix is None):
            raise ConfigError("the cell is incomplete; give all six parameters, or none and a reciprocal_matrix")
        self.check_values()

    @property
    def cell(self) -> tuple[Scalar | None, ...]:
        """a, b, c, alpha, beta, gamma."""
        return self.cell_a, self.cell_b, self.cell_c, self.cell_alpha, self.cell_beta, self.cell_gamma

    def check_values(self, tensors: bool = False) -> None:
        """Refuse values of which no image can be made.

        Args:
            tensors: Look into tensors too; they then describe one crystal, not a batch.

        Raises:
            ConfigError: A value is not finite, or impossible.
        """
        check_finite(self, tensors)
        check_positive(self, *_CELL, "n_cells", tensors=tensors)
        check_directions(self, "spindle_axis", tensors=tensors)
        angles = [next(numbers_in(angle, tensors), None) for angle in self.cell[3:]]
        if None not in angles:
            check_angles_close(*angles)  # type: ignore[arg-type]
        if tensors and self.reflections is not None:
            self.reflections.check_values()


@dataclass(frozen=True, eq=False)
class BeamConfig:
    """The beam.

    Args:
        wavelength_angstrom: Mean wavelength.
        fluence: Photons per m^2; the default makes the squared electron radius times the fluence 1.
        flux: Photons per second; beats ``fluence`` when set.
        exposure_s: Exposure time for ``flux``.
        beamsize_mm: Edge of the square beam for ``flux``.
        polarization: Kahn factor K, 0 for an unpolarized beam.
        polarized: False sets the polarization factor to 1.
        direction: Beam direction; None: that of the detector's convention.
        polarization_axis: Direction of the electric vector; None: that of the convention.
        hdiv_range_mrad: Full horizontal divergence.
        vdiv_range_mrad: Full vertical divergence.
        hdiv_steps: Horizontal directions.
        vdiv_steps: Vertical directions.
        hdiv_step_mrad: Spacing; None: ``range / (steps - 1)``.
        vdiv_step_mrad: Spacing; None: ``range / (steps - 1)``.
        round_divergence: Leave out the corners of the divergence grid.
        dispersion: Full relative range of wavelengths, as a fraction.
        dispersion_steps: Wavelengths.
        dispersion_step: Relative spacing; None: ``range / (steps - 1)``.
        source_positions: Explicit sources ``(n, 3)`` seen from the sample, any unit; replaces both grids.
        source_weights: Their weights ``(n,)``; None: equal.
        source_wavelengths_angstrom: Their wavelengths ``(n,)``; None: ``wavelength_angstrom``.
    """

    wavelength_angstrom: Scalar = 1.0
    fluence: Scalar = DEFAULT_FLUENCE
    flux: Scalar | None = None
    exposure_s: Scalar = 1.0
    beamsize_mm: Scalar = 0.1
    polarization: Scalar = 0.0
    polarized: bool = True
    direction: Vector | None = None
    polarization_axis: Vector | None = None
    hdiv_range_mrad: Scalar = 0.0
    vdiv_range_mrad: Scalar = 0.0
    hdiv_steps: int = 1
    vdiv_steps: int = 1
    hdiv_step_mrad: Scalar | None = None
    vdiv_step_mrad: Scalar | None = None
    round_divergence: bool = True
    dispersion: Scalar = 0.0
    dispersion_steps: int = 1
    dispersion_step: Scalar | None = None
    source_positions: Tensor | None = None
    source_weights: Tensor | None = None
    source_wavelengths_angstrom: Tensor | None = None

    def __post_init__(self) -> None:
        check_kinds(self)
        check_positive(self, "hdiv_steps", "vdiv_steps", "dispersion_steps")
        check_product(self, "hdiv_steps", "vdiv_steps", "dispersion_steps")
        check_not_negative(self, "fluence", "flux", "hdiv_range_mrad", "vdiv_range_mrad", "dispersion")
        self._check_sources()
        self.check_values()

    def check_values(self, tensors: bool = False) -> None:
        """Refuse values of which no image can be made.

        Args:
            tensors: Look into tensors too; they then describe one beam, not a batch.

        Raises:
            ConfigError: A value is not finite, or impossible.
        """
        check_finite(self, tensors)
        check_positive(self, "wavelength_angstrom", "source_wavelengths_angstrom", tensors=tensors)
        check_directions(self, "direction", "polarization_axis", tensors=tensors)
        if self.flux is not None:
            check_positive(self, "beamsize_mm", tensors=tensors)
        if tensors and self.source_weights is not None and not float(self.source_weights.detach().sum()) > 0:
            raise ConfigError("source_weights add up to 0 or less; a sum above 0 is needed")

    def _check_sources(self) -> None:
        """Refuse lists of sources that do not go together."""
        listed = self.source_positions
        for name in ("source_weights", "source_wavelengths_angstrom"):
            values = getattr(self, name)
            if values is None:
                continue
            if listed is None:
                raise ConfigError(f"{name} needs source_positions")
            if values.shape[-1] != listed.shape[-2]:
                raise ConfigError(f"{name} has {values.shape[-1]} entries for {listed.shape[-2]} source_positions")


@dataclass(frozen=True, eq=False)
class DetectorConfig:
    """The detector.

    Args:
        convention: ``mosflm``, ``denzo``, ``adxv``, ``xds``, ``dials`` or ``custom``.
        n_fast: Pixels along the fast axis.
        n_slow: Pixels along the slow axis.
        pixel_size_mm: Edge of the square pixels.
        detector_size_mm: Edges (fast, slow) that the default beam centre halves; None: pixels times size.
        distance_mm: Along the beam.
        close_distance_mm: Along the detector normal; beats ``distance_mm`` when set.
        beam_center_mm: X and Y as the convention defines them; None: its default.
        near_point_mm: Default of the beam centre in the custom convention; None: the middle.
        origin_pixels: ORGX and ORGY of XDS, counted from 1 at a pixel's centre; None: the middle.
        pix0_mm: Corner of pixel (0, 0) from the sample in the laboratory frame. Beats the distances and the beam
            centre, and stays where it is when the detector is rotated. None: it follows from them.
        pivot: ``beam`` or ``sample``; None: that of the convention.
        rotation_deg: About the fixed laboratory axes x, then y, then z.
        twotheta_deg: Swing about ``twotheta_axis``, after the rotation.
        fast_axis: None: that of the convention, as for the next three.
        slow_axis: Slow axis.
        normal: Detector normal.
        twotheta_axis: Axis of the swing.
        point_pixel: Solid angle ``1/R^2`` instead of the pixel's.
        curved: Pixels lie on a sphere around the sample.
        thickness_um: Sensor thickness; 0: every photon counts.
        attenuation_um: Depth in which the sensor stops all but 1/e; None: the thickness.
        thickness_steps: Layers; None: two layers of half the thickness.
        mask: True for pixels to be simulated ``(n_slow, n_fast)``; None: all.
    """

    convention: str = "mosflm"
    n_fast: int = 1024
    n_slow: int = 1024
    pixel_size_mm: Scalar = 0.1
    detector_size_mm: tuple[Scalar | None, Scalar | None] | None = None
    distance_mm: Scalar = 100.0
    close_distance_mm: Scalar | None = None
    beam_center_mm: OptionalPair | None = None
    near_point_mm: OptionalPair | None = None
    origin_pixels: OptionalPair | None = None
    pix0_mm: Vector | None = None
    pivot: Pivot | None = None
    rotation_deg: Vector = (0.0, 0.0, 0.0)
    twotheta_deg: Scalar = 0.0
    fast_axis: Vector | None = None
    slow_axis: Vector | None = None
    normal: Vector | None = None
    twotheta_axis: Vector | None = None
    point_pixel: bool = False
    curved: bool = False
    thickness_um: Scalar = 0.0
    attenuation_um: Scalar | None = None
    thickness_steps: int | None = None
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        check_kinds(self)
        check_positive(self, "n_fast", "n_slow", "thickness_steps")
        check_not_negative(self, "thickness_um")
        if self.thickness_steps is not None:
            check_product(self, "thickness_steps")
        if self.n_fast * self.n_slow > MAX_PIXELS:
            raise ConfigError(f"{self.n_fast} x {self.n_slow} pixels are more than {MAX_PIXELS}")
        if self.convention not in CONVENTIONS:
            raise ConfigError(f"convention is {self.convention!r}; one of {', '.join(CONVENTIONS)} is needed")
        if self.pivot not in (None, "beam", "sample"):
            raise ConfigError(f"pivot is {self.pivot!r}; beam or sample is needed")
        if self.mask is not None and not isinstance(self.mask, Tensor):
            raise ConfigError(f"the mask is a {type(self.mask).__name__}; a tensor is needed")
        if self.mask is not None and tuple(self.mask.shape) != (self.n_slow, self.n_fast):
            raise ConfigError(f"the mask is {tuple(self.mask.shape)}, the detector {(self.n_slow, self.n_fast)}")
        self.check_values()

    def check_values(self, tensors: bool = False) -> None:
        """Refuse values of which no image can be made.

        Args:
            tensors: Look into tensors too; they then describe one detector, not a batch.

        Raises:
            ConfigError: A value is not finite, or impossible.
        """
        check_finite(self, tensors)
        check_positive(self, "pixel_size_mm", "attenuation_um", tensors=tensors)
        check_directions(self, "fast_axis", "slow_axis", "twotheta_axis", "pix0_mm", tensors=tensors)

    def check_distances(self, tensors: bool = False) -> None:
        """Refuse a detector through the sample or behind it; the reference program makes images of both.

        Args:
            tensors: Look into tensors too.

        Raises:
            ConfigError: The distance that counts is not above 0.
        """
        if self.pix0_mm is None:
            check_positive(
                self, "distance_mm" if self.close_distance_mm is None else "close_distance_mm", tensors=tensors
            )
