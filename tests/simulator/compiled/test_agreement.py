"""The compiled inner loop against the same simulation in torch."""

import dataclasses

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import gradbragg as gb
from gradbragg.simulation.fused import fused_pixels
from tests.support.simulator.agreement import INPUTS, measure
from tests.support.simulator.images import BEAM, CRYSTAL, DETECTOR, RUN, TRICLINIC, changed, configs, simulate
from tests.support.simulator.tolerances import (
    BRIGHT,
    BRIGHT_RELATIVE,
    COMPILED,
    COMPILED_GRADIENT,
    MIXED_PRECISION,
)
from tests.support.simulator.uncompiled import uncompiled

OPTIONS = (
    " -oversample 2",
    " -mosaic 0.7 -mosaic_domains 5",
    " -phi 3 -osc 1.5 -phisteps 3",
    " -dispersion 2 -dispsteps 2 -hdivrange 2 -hdivsteps 3",
    " -detector_thick 300 -detector_abs 250 -detector_thicksteps 3",
    " -detector_rotx 4 -detector_roty -3 -twotheta 11 -pivot sample",
    " -polar 0.8",
    " -nopolar",
    " -point_pixel",
    " -water 0.01",
    " -roi 2 9 3 11",
    " -dmin 4",
    " -xds",
)

# a spread of mosaic domains, a detector of few pixels and real cell counts, whatever else is drawn
CONTINUOUS = {
    CRYSTAL: ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma", "misset_deg", "n_cells"),
    DETECTOR: ("distance_mm", "pixel_size_mm"),
    BEAM: ("wavelength_angstrom", "fluence", "polarization"),
}


def numbers(low, high):
    return st.floats(low, high, allow_nan=False)


@st.composite
def scenes(draw):
    """Any crystal in any setting that the inner loop knows."""
    flags = TRICLINIC + "".join(draw(st.lists(st.sampled_from(OPTIONS), unique=True, max_size=4)))
    parts = configs(flags)
    parts = changed(
        parts,
        CRYSTAL,
        **{f"cell_{edge}": draw(numbers(20, 200)) for edge in "abc"},
        **{f"cell_{angle}": draw(numbers(70, 110)) for angle in ("alpha", "beta", "gamma")},
        misset_deg=tuple(draw(numbers(-180, 180)) for _ in range(3)),
        n_cells=tuple(draw(st.one_of(st.integers(1, 40).map(float), numbers(1, 40))) for _ in range(3)),
    )
    parts = changed(parts, DETECTOR, distance_mm=draw(numbers(50, 500)), pixel_size_mm=draw(numbers(0.05, 2)))
    parts = changed(parts, BEAM, wavelength_angstrom=draw(numbers(0.7, 4)))
    if draw(st.booleans()):
        F = 1.0 + torch.rand((7, 9, 11), dtype=torch.float64, generator=torch.Generator().manual_seed(3))
        origin = tuple(draw(st.integers(-8, 2)) for _ in range(3))
        parts = changed(parts, CRYSTAL, reflections=gb.ReflectionTable(F, origin), interpolate=False)
    return parts


drawn = settings(
    deadline=None,
    max_examples=15,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a smaller example would take minutes to find
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@drawn
@given(scenes())
def test_the_compiled_image_is_the_image(images_compiled, parts):
    images_compiled.clear()
    image, want = simulate(parts), uncompiled(parts)
    assert images_compiled
    assert (image - want).abs().max() <= COMPILED * want.max()


@drawn
@given(scenes())
def test_the_default_precision_is_near_double_precision(images_compiled, parts):
    images_compiled.clear()
    image = simulate(changed(parts, RUN, dtype=torch.float32))
    want = uncompiled(parts)
    assert images_compiled[0].dtype == torch.float32
    difference = (image.double() - want).abs()
    assert difference.max() <= MIXED_PRECISION * want.max()
    dim = want <= BRIGHT * want.max()
    assert (dim | (difference <= BRIGHT_RELATIVE * want)).all()


def gradients(parts, make):
    leaves = []
    for which, names in CONTINUOUS.items():
        values = {}
        for name in names:
            values[name] = torch.tensor(getattr(parts[which], name), dtype=torch.float64, requires_grad=True)
        leaves += values.values()
        parts = changed(parts, which, **values)
    table = parts[CRYSTAL].reflections
    if table is not None:
        leaves.append(table.F_hkl.clone().requires_grad_())
        parts = changed(parts, CRYSTAL, reflections=gb.ReflectionTable(leaves[-1], table.origin))
    image = make(parts)
    weights = torch.rand(image.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    total = (image * weights).sum()
    return torch.autograd.grad(total, leaves), [total.item() / max(1.0, leaf.abs().max().item()) for leaf in leaves]


@drawn
@given(scenes())
def test_compiled_gradients_are_the_gradients(parts):
    compiled, _ = gradients(parts, simulate)
    wanted, scales = gradients(parts, uncompiled)
    for slope, want, scale in zip(compiled, wanted, scales, strict=True):
        assert (slope - want).abs().max() <= COMPILED_GRADIENT * max(want.abs().max().item(), scale)


@pytest.mark.parametrize("tested", INPUTS, ids=lambda tested: tested.name)
def test_each_input_agrees_with_finite_differences(tested):
    assert measure(tested).deviation <= 1e-4


MANY = TRICLINIC.replace("-detpixels 16 -pixel 1.3", "-detpixels 64 -pixel 0.4") + " -mosaic 0.5 -mosaic_domains 7"


def test_gradients_in_the_default_precision_are_those_of_double_precision():
    single = gradients(changed(configs(MANY), RUN, dtype=torch.float32), simulate)[0]
    double = gradients(configs(MANY), simulate)[0]
    for a, b in zip(single, double, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-4 * b.abs().max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_spot_on_a_pixel_has_its_peak_and_no_slope(images_compiled, dtype):
    """The beam itself, where every index is exactly 0 and sin/sin is 0/0."""
    flags = "-cell 100 -N 5 -default_F 3 -lambda 1 -distance 100 -detpixels 3 -pixel 0.1 -oversample 1 -nopolar -xds"
    parts = changed(configs(flags), RUN, dtype=dtype)
    cells = torch.tensor([5.0, 5.0, 5.0], dtype=torch.float64, requires_grad=True)
    turns = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    image = simulate(changed(parts, CRYSTAL, n_cells=cells, misset_deg=turns))
    assert images_compiled
    assert image[1, 1].item() == pytest.approx(9.0 * 5.0**6 * (0.1 / 100.0) ** 2, rel=1e-6)
    by_cells, by_turns = torch.autograd.grad(image[1, 1], (cells, turns))
    assert torch.allclose(by_cells, 2.0 * image[1, 1].detach().double() / 5.0, rtol=1e-5)
    assert torch.equal(by_turns, torch.zeros_like(by_turns))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_structure_factors_of_0_leave_gradients_of_0(dtype):
    parts = changed(configs(TRICLINIC), RUN, dtype=dtype)
    F = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    a = torch.tensor(61.0, dtype=torch.float64, requires_grad=True)
    with pytest.warns(gb.BlankImageWarning):
        image = simulate(changed(parts, CRYSTAL, default_F=F, cell_a=a))
    for slope in torch.autograd.grad(image.sum(), (F, a)):
        assert slope.item() == 0.0


@pytest.mark.parametrize("listed", [False, True])
def test_not_a_number_is_not_hidden(listed):
    F = torch.ones((5, 5, 5), dtype=torch.float64)
    parts = configs(TRICLINIC)
    if listed:
        parts = changed(parts, CRYSTAL, reflections=gb.ReflectionTable(F, (-2, -2, -2)), interpolate=False)
    crystal, detector, beam, run = parts
    simulator = gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run)
    pixels = simulator.rendered_pixels()
    scene = simulator.scene(pixels)
    lost = dataclasses.replace(scene.lattice, orientations=torch.full_like(scene.lattice.orientations, torch.nan))
    image = fused_pixels(dataclasses.replace(scene, lattice=lost), pixels, None)
    assert image.isnan().all()
