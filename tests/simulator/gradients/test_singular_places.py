"""Places where a careless formula gives NaN or Inf: each value and gradient is finite there, and right."""

import pytest
import torch

import gradbragg as gb
from gradbragg.kernels.absorption import capture_fraction
from gradbragg.kernels.grating import grating
from gradbragg.kernels.polarization import polarization_factor
from gradbragg.kernels.rotation import axis_rotation, unit
from gradbragg.kernels.sphere import sphere_transform
from tests.support.simulator.images import BEAM, CRYSTAL, DETECTOR, changed, configs, simulate


def slope(function, x):
    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    value = function(x)
    (gradient,) = torch.autograd.grad(value, x)
    return value.item(), gradient.item()


@pytest.mark.parametrize("N", [1.0, 2.0, 5.0, 4.3, 1000.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_grating_is_the_cell_count_and_flat_at_a_spot(N, dtype):
    dh = torch.zeros(3, dtype=dtype, requires_grad=True)
    value = grating(dh, torch.tensor(N, dtype=dtype))
    (gradient,) = torch.autograd.grad(value.sum(), dh)
    assert torch.equal(value, torch.full_like(value, N))
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_the_gratings_slope_with_the_cell_count_is_1_at_a_spot():
    value, gradient = slope(lambda N: grating(torch.zeros((), dtype=torch.float64), N), 5.0)
    assert (value, gradient) == (5.0, 1.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_gratings_series_meets_its_quotient(dtype):
    limit = 0.05 if dtype == torch.float64 else 0.5
    N = torch.tensor(7.0, dtype=dtype)
    edge = limit / (7.0 * torch.pi)
    dh = torch.tensor([edge * (1 - 1e-3), edge * (1 + 1e-3)], dtype=dtype, requires_grad=True)
    (gradient,) = torch.autograd.grad(grating(dh, N).sum(), dh)
    exact = dh.detach().double().requires_grad_()
    (want,) = torch.autograd.grad((torch.sin(7 * torch.pi * exact) / torch.sin(torch.pi * exact)).sum(), exact)
    assert torch.allclose(gradient.double(), want, rtol=1e-10 if dtype == torch.float64 else 1e-4, atol=0.0)


def test_the_sphere_transform_is_1_with_slope_minus_a_tenth_at_0():
    assert slope(sphere_transform, 0.0) == (1.0, pytest.approx(-0.1, rel=1e-15))


def test_the_sphere_transforms_series_meets_its_formula():
    inside, below = slope(sphere_transform, 0.09 * (1 - 1e-9))
    outside, above = slope(sphere_transform, 0.09 * (1 + 1e-9))
    assert inside == pytest.approx(outside, rel=1e-9)
    assert below == pytest.approx(above, rel=1e-8)


def test_polarization_is_finite_for_forward_scattering_and_for_a_beam_along_the_axis():
    K = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    x, z = torch.eye(3, dtype=torch.float64)[[0, 2]]
    d = x.clone().requires_grad_()
    for axis in (z, x):
        value = polarization_factor(x, d, axis, K)
        gradients = torch.autograd.grad(value, (d, K))
        assert value.item() == 1.0
        assert all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("cosine", [0.0, -0.5])
def test_a_ray_along_or_behind_the_sensor_is_not_captured(cosine):
    one = torch.ones((), dtype=torch.float64)
    assert slope(lambda rho: capture_fraction(0.0 * one, 1e-4 * one, 3000.0 * one, rho), cosine) == (0.0, 0.0)


def test_no_absorption_captures_nothing_with_the_right_slope():
    one = torch.ones((), dtype=torch.float64)
    value, gradient = slope(lambda mu: capture_fraction(0.0 * one, 1e-4 * one, mu, one), 0.0)
    assert value == 0.0
    assert gradient == pytest.approx(1e-4, rel=1e-12)


def test_a_rotation_by_0_has_the_cross_product_as_its_slope():
    axis = torch.tensor([0.0, 0.6, 0.8], dtype=torch.float64)
    v = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    slopes = torch.autograd.functional.jacobian(
        lambda t: axis_rotation(axis, t) @ v, torch.zeros((), dtype=torch.float64)
    )
    assert torch.allclose(slopes, torch.linalg.cross(axis, v), atol=1e-15)


def test_a_zero_vector_stays_zero_without_nan():
    v = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(unit(v).sum(), v)
    assert torch.isfinite(gradient).all()


CUBIC = "--dtype float64 -cell 100 -N 5 -default_F 100 -lambda 1 -detpixels 9 -oversample 1 "


def test_a_pixel_exactly_on_a_spot_has_finite_gradients():
    """xds puts the beam on the centre of the middle pixel: h = k = l = 0 there."""
    parts = configs(CUBIC + "-xds -polar 0.5")
    a = torch.tensor(100.0, dtype=torch.float64, requires_grad=True)
    distance = torch.tensor(100.0, dtype=torch.float64, requires_grad=True)
    image = simulate(changed(changed(parts, CRYSTAL, cell_a=a), DETECTOR, distance_mm=distance))
    for gradient in torch.autograd.grad(image.sum(), (a, distance)):
        assert torch.isfinite(gradient)
        assert gradient.item() != 0.0


@pytest.mark.parametrize("shape", ["square", "round", "gauss", "tophat"])
def test_every_shape_has_finite_gradients_on_a_spot(shape):
    parts = changed(configs(CUBIC + "-xds"), CRYSTAL, shape=shape)
    a = torch.tensor(100.0, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(simulate(changed(parts, CRYSTAL, cell_a=a)).sum(), a)
    assert torch.isfinite(gradient)


def test_the_spread_has_a_gradient_at_spread_0():
    parts = changed(configs(CUBIC + "-misset 10 20 30 -pixel 2"), CRYSTAL, mosaic_domains=4)
    spread = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(simulate(changed(parts, CRYSTAL, mosaic_spread_deg=spread)).sum(), spread)
    assert torch.isfinite(gradient)
    assert gradient.item() != 0.0


def test_all_structure_factors_0_leave_gradients_of_0():
    parts = configs(CUBIC)
    F = torch.zeros((5, 5, 5), dtype=torch.float64, requires_grad=True)
    wavelength = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    parts = changed(parts, CRYSTAL, default_F=0.0, reflections=gb.ReflectionTable(F, (-2, -2, -2)))
    with pytest.warns(gb.BlankImageWarning):
        image = simulate(changed(parts, BEAM, wavelength_angstrom=wavelength))
    for gradient in torch.autograd.grad(image.sum(), (F, wavelength)):
        assert torch.equal(gradient, torch.zeros_like(gradient))
