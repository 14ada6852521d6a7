"""Where the reference program and the physics differ, one named field a difference.

``PHYSICAL`` is what gradbragg does unless told otherwise. ``REFERENCE`` reproduces the reference program
image for image. Nothing else in the package asks which of the two is in force
(docs/physics.md, section 8).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """One choice for every difference; ``False`` everywhere is the physics.

    Args:
        oblique_c_star: The z component of c* is ``sin(gamma) / (c sin(gamma*))`` instead of ``1/c``.
        phi_zero_reuses_previous: A phi step of exactly 0 takes the orientation of the evaluation before it.
        single_precision_mosaicity: Mosaic angles are rounded to single precision.
        factors_once_a_pixel: Solid angle and polarization come from the first subpixel, absorption from the last layer.
        switches_multiply_running_sum: The oversample_* switches multiply the sum so far, not the new term.
        water_counts_fluence_twice: The background is multiplied by the fluence twice and divided by the steps.
        layers_span_thickness: Layers lie at ``T/(n-1)`` instead of ``T/n``.
        distance_ignores_swing: The distance that sets the automatic oversampling leaves two-theta out.
        curved_detector_swaps_axes: The curved detector assumes the beam along x and swaps its axes.
        interpolation_stops_at_first_miss: The first index outside the list ends interpolation for good.
        equal_source_weights: Every source counts the same whatever its weight.
        spot_width_in_reciprocal_length: Gauss and tophat spots scale as the cube of the cell count.
        random_misset_in_radians: A random orientation turns by up to 90 rad about a random axis.
        normal_needs_unit_length: A detector normal is kept only if its length is exactly 1.
        swing_axis_as_given: The two-theta axis is not normalised.
        solid_angle_keeps_sign: A detector whose normal points to the sample has a negative solid angle.
    """

    oblique_c_star: bool = False
    phi_zero_reuses_previous: bool = False
    single_precision_mosaicity: bool = False
    factors_once_a_pixel: bool = False
    switches_multiply_running_sum: bool = False
    water_counts_fluence_twice: bool = False
    layers_span_thickness: bool = False
    distance_ignores_swing: bool = False
    curved_detector_swaps_axes: bool = False
    interpolation_stops_at_first_miss: bool = False
    equal_source_weights: bool = False
    spot_width_in_reciprocal_length: bool = False
    random_misset_in_radians: bool = False
    normal_needs_unit_length: bool = False
    swing_axis_as_given: bool = False
    solid_angle_keeps_sign: bool = False


PHYSICAL = Rules()

REFERENCE = Rules(
    oblique_c_star=True,
    phi_zero_reuses_previous=True,
    single_precision_mosaicity=True,
    factors_once_a_pixel=True,
    switches_multiply_running_sum=True,
    water_counts_fluence_twice=True,
    layers_span_thickness=True,
    distance_ignores_swing=True,
    curved_detector_swaps_axes=True,
    interpolation_stops_at_first_miss=True,
    equal_source_weights=True,
    spot_width_in_reciprocal_length=True,
    random_misset_in_radians=True,
    normal_needs_unit_length=True,
    swing_axis_as_given=True,
    solid_angle_keeps_sign=True,
)
