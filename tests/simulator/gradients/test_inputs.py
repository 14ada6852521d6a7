"""Every continuous input against finite differences, in generic situations."""

import functools

import pytest
import torch

import gradbragg as gb
from tests.support.simulator.images import BEAM, CRYSTAL, DETECTOR, TRICLINIC, changed, configs, simulate
from tests.support.simulator.richardson import agrees, derivative
from tests.support.simulator.tolerances import GRADIENT

# the close distance is added to a line that has a distance
pytestmark = pytest.mark.filterwarnings("ignore:-distance has no effect with -close_distance")

SITUATIONS = {
    "plain": "",
    "mosaic": " -mosaic 0.7 -mosaic_domains 5",
    "phi": " -phi 3 -osc 1.5 -phisteps 4",
    "rotated": " -detector_rotx 4 -detector_roty -3 -detector_rotz 2 -xds",
    "two-theta about the sample": " -twotheta 7 -pivot sample",
    "round": " -round_xtal",
    "gauss": " -N 2 -gauss_xtal -fudge 2",
    "thick": " -detector_thick 300 -detector_abs 250 -detector_thicksteps 3",
    "sources": " -dispersion 2 -dispsteps 3 -hdivrange 2 -hdivsteps 3 -vdivrange 1 -vdivsteps 2",
    "oversample": " -oversample 2",
    "polarized": " -polar 0.8 -curved_det",
    "water": " -water 0.01",
    "point pixels": " -point_pixel -close_distance 85",
}

ALWAYS = (
    *((CRYSTAL, f"cell_{name}") for name in ("a", "b", "c", "alpha", "beta", "gamma")),
    (CRYSTAL, "default_F"),
    (DETECTOR, "distance_mm"),
    (DETECTOR, "pixel_size_mm"),
    (BEAM, "wavelength_angstrom"),
    (BEAM, "fluence"),
)

IN_SITUATION = {
    "mosaic": ((CRYSTAL, "mosaic_spread_deg"),),
    "phi": ((CRYSTAL, "phi_start_deg"), (CRYSTAL, "osc_deg")),
    "two-theta about the sample": ((DETECTOR, "twotheta_deg"),),
    "round": ((CRYSTAL, "fudge"),),
    "gauss": ((CRYSTAL, "fudge"),),
    "thick": ((DETECTOR, "thickness_um"), (DETECTOR, "attenuation_um")),
    "sources": ((BEAM, "dispersion"), (BEAM, "hdiv_range_mrad"), (BEAM, "vdiv_range_mrad")),
    "polarized": ((BEAM, "polarization"),),
    "water": ((CRYSTAL, "water_um"),),
    "point pixels": ((DETECTOR, "close_distance_mm"),),
}

BEATEN = {("point pixels", "distance_mm")}
"""The close distance beats the distance, which then moves nothing."""

CASES = [
    pytest.param(situation, which, name, id=f"{situation}-{name}")
    for situation in SITUATIONS
    for which, name in (*ALWAYS, *IN_SITUATION.get(situation, ()))
    if (situation, name) not in BEATEN
]


@functools.cache
def weights() -> torch.Tensor:
    """Random pixel weights: a plain sum hides what only moves intensity about."""
    return torch.rand((16, 16), dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def loss(parts: tuple, which: int, name: str, value: object) -> torch.Tensor:
    return (simulate(changed(parts, which, **{name: value})) * weights()).sum()


@pytest.mark.parametrize(("situation", "which", "name"), CASES)
def test_the_gradient_of_every_number_is_its_finite_difference(situation, which, name):
    parts = configs(TRICLINIC + SITUATIONS[situation])
    x = torch.tensor(float(getattr(parts[which], name)), dtype=torch.float64, requires_grad=True)

    (gradient,) = torch.autograd.grad(loss(parts, which, name, x), x)

    numeric, error = derivative(lambda value: loss(parts, which, name, value).item(), x.item())
    assert gradient.item() != 0.0
    assert agrees(gradient.item(), numeric, error, GRADIENT), (gradient.item(), numeric, error)


VECTORS = {
    "misset": (CRYSTAL, "misset_deg", (11.0, -23.0, 37.0), ""),
    "real cell counts": (CRYSTAL, "n_cells", (3.7, 4.2, 5.1), ""),
    "spindle axis": (CRYSTAL, "spindle_axis", (0.1, 0.2, 1.0), " -phi 3"),
    "detector rotation": (DETECTOR, "rotation_deg", (4.0, -3.0, 2.0), ""),
    "beam centre, mosflm": (DETECTOR, "beam_center_mm", (10.0, 11.0), ""),
    "beam centre, denzo": (DETECTOR, "beam_center_mm", (10.0, 11.0), " -denzo"),
    "beam centre, adxv": (DETECTOR, "beam_center_mm", (10.0, 11.0), " -adxv"),
    "beam centre, xds": (DETECTOR, "beam_center_mm", (10.0, 11.0), " -xds"),
    "near pixel, dials": (DETECTOR, "origin_pixels", (7.0, 9.0), " -dials"),
    "fast axis": (DETECTOR, "fast_axis", (0.0, 0.1, 1.0), " -fdet_vector 0 0.1 1"),
    "two-theta axis": (DETECTOR, "twotheta_axis", (0.1, 1.0, 0.2), " -twotheta 5 -twotheta_axis 0 1 0"),
    "beam direction": (BEAM, "direction", (1.0, 0.02, -0.03), " -beam_vector 1 0.02 -0.03"),
    "polarization axis": (BEAM, "polarization_axis", (0.0, 0.3, 1.0), " -polar 0.7"),
}


@pytest.mark.parametrize(("which", "name", "values", "flags"), VECTORS.values(), ids=VECTORS)
def test_the_gradient_of_every_vector_is_its_finite_difference(which, name, values, flags):
    parts = configs(TRICLINIC + flags)
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)

    (gradient,) = torch.autograd.grad(loss(parts, which, name, x), x)

    for i in range(len(values)):

        def one_changed(value, i=i):
            return loss(parts, which, name, (*values[:i], value, *values[i + 1 :])).item()

        numeric, error = derivative(one_changed, values[i], scale=max(abs(values[i]), 0.1))
        assert agrees(gradient[i].item(), numeric, error, GRADIENT), (i, gradient[i].item(), numeric, error)


def test_tensors_in_a_tuple_get_their_gradients():
    parts = configs(TRICLINIC)
    x = torch.tensor(10.0, dtype=torch.float64, requires_grad=True)
    image = simulate(changed(parts, DETECTOR, beam_center_mm=(x, 11.0)))
    (gradient,) = torch.autograd.grad((image * weights()).sum(), x)
    assert gradient.item() != 0.0


def test_a_reciprocal_matrix_gets_its_gradient():
    start = torch.tensor([[0.016, -0.009, 0.006], [0.015, 0.016, -0.001], [-0.002, 0.003, 0.015]], dtype=torch.float64)
    no_cell = {f"cell_{name}": None for name in ("a", "b", "c", "alpha", "beta", "gamma")}
    parts = changed(configs(TRICLINIC), CRYSTAL, reciprocal_matrix=start, **no_cell)
    x = start.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(parts, CRYSTAL, "reciprocal_matrix", x), x)

    for row, column in ((0, 0), (1, 2), (2, 1)):

        def moved(value, at=(row, column)):
            matrix = start.clone()
            matrix[at] = value
            return loss(parts, CRYSTAL, "reciprocal_matrix", matrix).item()

        numeric, error = derivative(moved, start[row, column].item())
        assert agrees(gradient[row, column].item(), numeric, error, GRADIENT)


def test_explicit_sources_get_their_gradients():
    base = configs(TRICLINIC)
    start = {
        "source_positions": torch.tensor([[-10.0, 0.02, 0.01], [-10.0, -0.03, 0.02]], dtype=torch.float64),
        "source_weights": torch.tensor([1.0, 2.5], dtype=torch.float64),
        "source_wavelengths_angstrom": torch.tensor([1.1, 1.12], dtype=torch.float64),
    }
    for name, value in start.items():
        parts = changed(base, BEAM, **start)
        x = value.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(parts, BEAM, name, x), x)
        place = (1, 2) if value.ndim == 2 else (1,)

        def moved(number, name=name, place=place, parts=parts):
            new = start[name].clone()
            new[place] = number
            return loss(parts, BEAM, name, new).item()

        numeric, error = derivative(moved, value[place].item())
        assert agrees(gradient[place].item(), numeric, error, GRADIENT), name


@pytest.mark.parametrize("interpolate", [False, True], ids=["nearest", "tricubic"])
def test_every_entry_of_the_reflection_table_gets_its_gradient(interpolate):
    generator = torch.Generator().manual_seed(1)
    F = 10.0 + torch.rand((25, 27, 29), dtype=torch.float64, generator=generator)
    origin = (-12, -13, -14)
    parts = changed(configs(TRICLINIC), CRYSTAL, interpolate=interpolate)
    x = F.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(parts, CRYSTAL, "reflections", gb.ReflectionTable(x, origin)), x)

    place = tuple(int(i) for i in (gradient.abs() == gradient.abs().max()).nonzero()[0])

    def moved(value):
        new = F.clone()
        new[place] = value
        return loss(parts, CRYSTAL, "reflections", gb.ReflectionTable(new, origin)).item()

    numeric, error = derivative(moved, F[place].item())
    assert agrees(gradient[place].item(), numeric, error, GRADIENT)
    assert (gradient != 0).sum() > 100


def test_unlisted_entries_of_the_table_follow_the_default():
    F = torch.full((9, 9, 9), 20.0, dtype=torch.float64)
    known = torch.zeros((9, 9, 9), dtype=torch.bool)
    known[::2] = True
    parts = changed(configs(TRICLINIC), CRYSTAL, reflections=gb.ReflectionTable(F, (-4, -4, -4), known))
    x = torch.tensor(30.0, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(parts, CRYSTAL, "default_F", x), x)
    numeric, error = derivative(lambda value: loss(parts, CRYSTAL, "default_F", value).item(), 30.0)
    assert agrees(gradient.item(), numeric, error, GRADIENT)
