"""Closed forms and symmetries of whole images."""

import math

import numpy as np
import pytest
import torch

import gradbragg as gb
from tests.support.simulator.images import (
    BEAM,
    CRYSTAL,
    DETECTOR,
    RUN,
    TRICLINIC,
    changed,
    configs,
    image_of,
    simulate,
)
from tests.support.simulator.tolerances import MIXED_PRECISION, ROUNDING

ONE_CELL = "--dtype float64 -cell 61 72 83 84 97 101 -default_F 30 -N 1 -detpixels 16 -pixel 2 -oversample 1 -nopolar"


def test_a_single_cell_scatters_its_structure_factor_into_every_pixel():
    """I = F^2 Omega for one cell without polarization at the default fluence."""
    parts = configs(ONE_CELL + " -xds")
    place = (torch.arange(16, dtype=torch.float64) - 7.5) * 2e-3
    R = torch.sqrt(place[:, None] ** 2 + place**2 + 0.01)
    want = 900.0 * 4e-6 * 0.1 / R**3
    assert torch.allclose(simulate(parts), want, rtol=1e-12)


def test_the_spot_at_the_beam_holds_the_squared_number_of_cells():
    parts = configs("--dtype float64 -cell 100 -default_F 10 -Na 3 -Nb 4 -Nc 5 -detpixels 9 -oversample 1 -xds")
    want = 100.0 * 3600.0 * 1e-8 / 1e-2
    assert simulate(parts)[4, 4].item() == pytest.approx(want, rel=1e-12)


def rotation(axis: int, degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    R = np.eye(3)
    R[i, i], R[i, j], R[j, i], R[j, j] = c, -s, s, c
    return R


def test_turning_crystal_detector_and_beam_together_changes_nothing():
    turn = rotation(0, 20) @ rotation(2, -35) @ rotation(1, 50)
    matrix = np.array([[0.016, -0.009, 0.006], [0.015, 0.016, -0.001], [-0.002, 0.003, 0.015]])
    flags = TRICLINIC + " -polar 0.7 -phi 5 -osc 1 -phisteps 2 -fdet_vector 0 0 1"
    frame = {"b": (1, 0, 0), "f": (0, 0, 1), "s": (0, -1, 0), "o": (1, 0, 0), "p": (0, 0, 1), "u": (0, 0, 1)}

    def image(R):
        axes = {name: tuple((R @ np.array(axis)).tolist()) for name, axis in frame.items()}
        no_cell = {f"cell_{name}": None for name in ("a", "b", "c", "alpha", "beta", "gamma")}
        orientation = {"reciprocal_matrix": torch.from_numpy(R @ matrix), "misset_deg": (0.0, 0.0, 0.0)}
        parts = changed(configs(flags), CRYSTAL, spindle_axis=axes["u"], **orientation, **no_cell)
        parts = changed(parts, DETECTOR, fast_axis=axes["f"], slow_axis=axes["s"], normal=axes["o"])
        return simulate(changed(parts, BEAM, direction=axes["b"], polarization_axis=axes["p"]))

    still, turned = image(np.eye(3)), image(turn)
    assert torch.allclose(turned, still, rtol=1e-8, atol=1e-11 * still.max())


def test_a_cubic_crystal_on_the_axis_gives_a_picture_with_fourfold_symmetry():
    image = image_of("--dtype float64 -cell 100 -default_F 100 -N 5 -lambda 1 -detpixels 21 -oversample 1 -xds")
    assert torch.allclose(image, image.flip(0), rtol=1e-9, atol=1e-9)
    assert torch.allclose(image, image.T, rtol=1e-9, atol=1e-9)


def test_intensity_is_linear_in_fluence_and_quadratic_in_the_structure_factor():
    parts = configs(TRICLINIC)
    image = simulate(parts)
    assert torch.allclose(simulate(changed(parts, BEAM, fluence=parts[BEAM].fluence * 3)), 3 * image, rtol=ROUNDING)
    assert torch.allclose(simulate(changed(parts, CRYSTAL, default_F=60.0)), 4 * image, rtol=ROUNDING)


def test_a_mosaic_crystal_without_spread_is_a_perfect_one():
    parts = configs(TRICLINIC)
    assert torch.allclose(simulate(changed(parts, CRYSTAL, mosaic_domains=5)), simulate(parts), rtol=1e-10)


def test_a_rotation_is_the_mean_of_its_stills():
    stills = [image_of(TRICLINIC + f" -phi {phi}") for phi in (0, 0.5, 1.0)]
    rotated = image_of(TRICLINIC + " -phi 0 -osc 1.5 -phisteps 3")
    assert torch.allclose(rotated, sum(stills) / 3, rtol=1e-10)


def test_sources_add_by_weight():
    positions = torch.tensor([[-10.0, 0.02, 0.01], [-10.0, -0.03, 0.02]], dtype=torch.float64)

    def with_sources(chosen, weights):
        parts = changed(configs(TRICLINIC), BEAM, source_positions=positions[chosen])
        return simulate(changed(parts, BEAM, source_weights=torch.tensor(weights, dtype=torch.float64)))

    both = with_sources([0, 1], [3.0, 1.0])
    apart = 0.75 * with_sources([0], [1.0]) + 0.25 * with_sources([1], [1.0])
    assert torch.allclose(both, apart, rtol=1e-10)


@pytest.mark.parametrize("moved", ["-twotheta 130", "-odet_vector 0 0 1", "-odet_vector 0.1 0.7 0.7"])
def test_a_detector_seen_from_behind_or_with_an_odd_normal_has_no_negative_photons(moved):
    line = "--dtype float64 -cell 50 -default_F 10 -N 3 -detpixels 6 -pixel 9 -oversample 1 " + moved
    image = image_of(line)
    assert image.min() >= 0.0
    assert image.max() > 0.0


def test_a_layered_sensor_keeps_what_its_whole_thickness_absorbs():
    """One micrometre is too thin for parallax to matter."""
    base = image_of(ONE_CELL + " -xds")
    thick = image_of(ONE_CELL + " -xds -detector_thick 1 -detector_abs 1 -detector_thicksteps 5")
    place = (torch.arange(16, dtype=torch.float64) - 7.5) * 2e-3
    cosine = 0.1 / torch.sqrt(place[:, None] ** 2 + place**2 + 0.01)
    assert torch.allclose(thick / base, -torch.expm1(-1 / cosine), rtol=1e-4)


def test_water_adds_its_molecules_whatever_the_oversampling():
    blank = configs(ONE_CELL + " -xds")
    dry = simulate(blank)
    for oversample in (1, 2):
        wet = simulate(changed(changed(blank, CRYSTAL, water_um=10.0), RUN, oversample=oversample))
        molecules = 1e-15 * 1e6 * 6.02214179e23 / 18.0
        assert torch.allclose((wet - dry) / dry, torch.tensor(molecules * 2.57**2 / 900.0).double(), rtol=1e-3)


def test_dmin_blanks_the_far_pixels_and_leaves_the_near_ones():
    whole, cut = image_of(TRICLINIC), image_of(TRICLINIC + " -dmin 9")
    kept = cut != 0
    assert torch.equal(cut[kept], whole[kept])
    assert kept.any()
    assert not kept.all()


def test_pixels_outside_roi_and_mask_are_0_and_the_others_unchanged():
    whole = image_of(TRICLINIC)
    mask = torch.rand((16, 16), generator=torch.Generator().manual_seed(2)) > 0.3
    parts = changed(configs(TRICLINIC), DETECTOR, mask=mask)
    image = simulate(changed(parts, RUN, roi=gb.Roi(3, 9, 5, 12)))
    inside = torch.zeros_like(mask)
    inside[5:13, 3:10] = True
    assert torch.equal(image, torch.where(mask & inside, whole, 0.0))


@pytest.mark.parametrize(
    "extra",
    ["", " -mosaic 0.7 -mosaic_domains 5", " -round_xtal", " -polar 1 -detector_thick 300", " -lambda 0.5 -N 20"],
)
def test_the_default_precision_is_close_to_double_precision(extra):
    parts = configs(TRICLINIC + extra)
    double = simulate(parts)
    mixed = simulate(changed(parts, RUN, dtype=torch.float32))
    assert mixed.dtype == torch.float32
    assert (mixed.double() - double).abs().max() <= MIXED_PRECISION * double.max()


def test_the_picture_does_not_depend_on_distant_whole_indices():
    """Back-scattering at h = -200 exactly: the reference program gives 7198.24 there, the fraction of h 156.25."""
    flags = (
        "--dtype float64 -cell 100 100 100 90 90 90 -default_F 100 -distance 100 -detpixels 33 -N 5 -oversample 1 "
        "-odet_vector -1 0 0"
    )
    assert image_of(flags)[16, 16].item() == pytest.approx(156.25, rel=1e-6)


def test_automatic_oversampling_resolves_the_fringes():
    """50 cells of 100 A, 0.1 mm, 100 mm, 1 A: 15 subpixels."""
    parts = configs("--dtype float64 -cell 100 -default_F 1 -N 50 -detpixels 1")
    automatic = simulate(parts)
    assert torch.equal(automatic, simulate(changed(parts, RUN, oversample=15)))
    assert not torch.equal(automatic, simulate(changed(parts, RUN, oversample=14)))


def test_single_precision_throughout_is_a_choice():
    parts = configs(TRICLINIC.replace("float64", "float32"))
    single = simulate(changed(parts, RUN, precision="single"))
    assert single.dtype == torch.float32
    assert (single - simulate(parts)).abs().max() < 1e-2 * single.max()
