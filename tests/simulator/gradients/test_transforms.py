"""Second derivatives, forward mode, vmap, and images that are computed again and again."""

import dataclasses

import pytest
import torch

import gradbragg as gb
from tests.support.simulator.images import BEAM, CRYSTAL, DETECTOR, RUN, TRICLINIC, changed, configs, simulate
from tests.support.simulator.tolerances import ROUNDING

PARTS = configs(TRICLINIC + " -mosaic 0.5 -mosaic_domains 3")
A = torch.tensor(61.0, dtype=torch.float64)


def image(cell_a: torch.Tensor) -> torch.Tensor:
    return simulate(changed(PARTS, CRYSTAL, cell_a=cell_a))


SMOOTH = {
    "cell_a": (CRYSTAL, 61.0),
    "misset_deg": (CRYSTAL, [11.0, -23.0, 37.0]),
    "n_cells": (CRYSTAL, [3.7, 4.2, 5.1]),
    "mosaic_spread_deg": (CRYSTAL, 0.5),
    "default_F": (CRYSTAL, 30.0),
    "wavelength_angstrom": (BEAM, 1.1),
    "distance_mm": (DETECTOR, 90.0),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_gradcheck_and_gradgradcheck_pass(name):
    which, value = SMOOTH[name]
    few = changed(PARTS, RUN, roi=gb.Roi(3, 5, 4, 6))
    x = torch.tensor(value, dtype=torch.float64, requires_grad=True)

    def scaled(x):
        # of order 1, so that gradcheck's absolute tolerance means something
        return simulate(changed(few, which, **{name: x})).sum() * 1e-2

    assert torch.autograd.gradcheck(scaled, x, rtol=1e-5)
    assert torch.autograd.gradgradcheck(scaled, x, rtol=1e-4)


def test_gradients_of_a_batch_of_crystals_are_those_of_each():
    """vmap over whole crystals, cell and orientation together, and a gradient for each."""
    cells = torch.tensor([[61.0, 72.0, 83.0], [62.0, 71.0, 80.0]], dtype=torch.float64)
    missets = torch.tensor([[11.0, -23.0, 37.0], [1.0, 2.0, 3.0]], dtype=torch.float64)

    def total(cell, misset):
        a, b, c = cell
        return simulate(changed(PARTS, CRYSTAL, cell_a=a, cell_b=b, cell_c=c, misset_deg=misset)).sum()

    both = torch.func.vmap(torch.func.grad(total, argnums=(0, 1)))(cells, missets)
    for i in range(2):
        single = torch.func.grad(total, argnums=(0, 1))(cells[i], missets[i])
        for batched, alone in zip(both, single, strict=True):
            assert torch.allclose(batched[i], alone, rtol=1e-8)


def test_a_batch_of_wavelengths_adds_up_to_a_beam_of_them():
    """vmap over wavelengths: their mean is the image of a source list with these wavelengths."""
    wavelengths = torch.tensor([1.1, 1.15, 1.2], dtype=torch.float64)
    images = torch.func.vmap(lambda x: simulate(changed(PARTS, BEAM, wavelength_angstrom=x)))(wavelengths)
    positions = torch.tensor([[-1.0, 0.0, 0.0]] * 3, dtype=torch.float64)
    beam = changed(PARTS, BEAM, source_positions=positions, source_wavelengths_angstrom=wavelengths)
    together = simulate(beam)
    assert torch.allclose(images.mean(0), together, rtol=1e-9, atol=ROUNDING * together.max())


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own import
def test_a_hessian_is_symmetric():
    def total(cell):
        return simulate(changed(PARTS, CRYSTAL, cell_a=cell[0], cell_b=cell[1])).sum()

    H = torch.func.hessian(total)(torch.tensor([61.0, 72.0], dtype=torch.float64))
    assert H[0, 1].item() == pytest.approx(H[1, 0].item(), rel=1e-8)
    assert H.abs().min() > 0


@pytest.mark.parametrize(
    ("which", "name", "value", "change"),
    [
        (CRYSTAL, "cell_a", 61.0, 1.0),
        (CRYSTAL, "mosaic_spread_deg", 0.5, 0.2),
        (CRYSTAL, "misset_deg", [11.0, -23.0, 37.0], 0.5),
        (BEAM, "wavelength_angstrom", 1.1, 0.05),
        (DETECTOR, "beam_center_mm", [10.0, 11.0], 0.3),
    ],
)
def test_a_parameter_changed_in_place_is_seen_by_the_same_simulator(which, name, value, change):
    x = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    crystal, detector, beam, run = changed(PARTS, which, **{name: x})
    simulator = gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run)
    simulator.run().sum().backward()
    first = x.grad.clone()
    with torch.no_grad():
        x += change
    x.grad = None
    simulator.run().sum().backward()
    fresh = x.detach().clone().requires_grad_()
    simulate(changed(PARTS, which, **{name: fresh})).sum().backward()
    assert torch.equal(x.grad, fresh.grad)
    assert not torch.equal(x.grad, first)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own import
def test_forward_and_reverse_mode_agree():
    reverse = torch.func.jacrev(image)(A)
    forward = torch.func.jacfwd(image)(A)
    assert torch.allclose(forward, reverse, rtol=1e-9, atol=ROUNDING * reverse.abs().max())


@pytest.mark.parametrize(
    ("which", "name", "values"),
    [
        (CRYSTAL, "cell_a", [61.0, 62.0]),
        (CRYSTAL, "default_F", [30.0, 0.0]),
        (CRYSTAL, "mosaic_spread_deg", [0.1, 0.5]),
        (CRYSTAL, "misset_deg", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        (DETECTOR, "distance_mm", [90.0, 95.0]),
        (BEAM, "wavelength_angstrom", [1.1, 1.2]),
    ],
)
def test_vmap_gives_each_image(which, name, values):
    batch = torch.tensor(values, dtype=torch.float64)
    images = torch.func.vmap(lambda x: simulate(changed(PARTS, which, **{name: x})))(batch)
    for i, value in enumerate(batch):
        if name == "default_F" and value == 0:
            assert not images[i].any()
            continue
        single = simulate(changed(PARTS, which, **{name: value}))
        assert torch.allclose(images[i], single, rtol=1e-9, atol=ROUNDING * single.max())


def test_an_automatic_count_under_vmap_is_refused_with_the_remedy():
    parts = changed(PARTS, RUN, oversample=None)
    with pytest.raises(gb.ConfigError, match=r"RunConfig\.oversample"):
        torch.func.vmap(lambda a: simulate(changed(parts, CRYSTAL, cell_a=a)))(torch.stack((A, A + 1)))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own import
def test_an_automatic_count_is_chosen_under_every_other_transform():
    parts = changed(PARTS, RUN, oversample=None, roi=gb.Roi(3, 4, 4, 5))

    def total(a):
        return simulate(changed(parts, CRYSTAL, cell_a=a)).sum()

    x = A.clone().requires_grad_()
    (want,) = torch.autograd.grad(total(x), x)
    one = torch.ones_like(A)
    for found in (
        torch.func.grad(total)(A),
        torch.func.jvp(total, (A,), (one,))[1],
        torch.func.jacrev(total)(A),
        torch.func.jacfwd(total)(A),
    ):
        assert found.item() == pytest.approx(want.item(), rel=1e-9)


def test_other_automatic_choices_under_vmap_are_refused_with_the_remedy():
    table = gb.ReflectionTable(torch.ones(5, 5, 5, dtype=torch.float64), (-2, -2, -2))
    listed = changed(PARTS, CRYSTAL, reflections=table)
    cells = torch.tensor([[3.0, 3.0, 3.0], [4.0, 4.0, 4.0]], dtype=torch.float64)
    with pytest.raises(gb.ConfigError, match=r"under vmap set CrystalConfig\.interpolate"):
        torch.func.vmap(lambda n: simulate(changed(listed, CRYSTAL, n_cells=n)))(cells)
    round_beam = changed(PARTS, BEAM, hdiv_range_mrad=1.0, hdiv_steps=3, vdiv_range_mrad=1.0, vdiv_steps=3)
    with pytest.raises(gb.ConfigError, match=r"BeamConfig\.round_divergence"):
        torch.func.vmap(lambda x: simulate(changed(round_beam, BEAM, hdiv_step_mrad=x)))(cells[:, 0])


def test_a_range_of_0_with_steps_keeps_every_direction():
    def beam(**changes):
        settings = {"hdiv_steps": 3, "hdiv_step_mrad": 0.5, "vdiv_range_mrad": 1.0, "vdiv_steps": 3}
        return simulate(changed(PARTS, BEAM, **settings, **changes))

    assert torch.equal(beam(), beam(round_divergence=False))


def test_a_crystal_without_structure_factors_warns_under_transforms_too():
    parts = changed(PARTS, CRYSTAL, default_F=0.0)
    for transformed in (torch.func.grad, torch.func.vmap):
        with pytest.warns(gb.BlankImageWarning):
            transformed(lambda a: simulate(changed(parts, CRYSTAL, cell_a=a)).sum())(
                A if transformed is torch.func.grad else torch.stack([A, A])
            )


def test_a_change_in_place_is_seen_by_the_next_run_and_no_graph_is_used_twice():
    distance = torch.tensor(90.0, dtype=torch.float64, requires_grad=True)
    crystal, detector, beam, run = PARTS
    simulator = gb.Simulator(
        gb.Crystal(crystal), gb.Detector(dataclasses.replace(detector, distance_mm=distance)), gb.Beam(beam), run
    )
    first = simulator.run()
    first.sum().backward()
    with torch.no_grad():
        distance += 5.0
    second = simulator.run()
    second.sum().backward()

    assert torch.equal(second.detach(), simulate(changed(PARTS, DETECTOR, distance_mm=95.0)))
    assert not torch.equal(first.detach(), second.detach())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_single_precision_leaves_work_in_any_run(dtype):
    a = torch.tensor(61.0, dtype=torch.float32, requires_grad=True)
    parts = changed(PARTS, RUN, dtype=dtype)
    result = simulate(changed(parts, CRYSTAL, cell_a=a))
    result.sum().backward()
    assert result.dtype == dtype
    assert a.grad is not None
    assert a.grad.dtype == torch.float32
    assert torch.isfinite(a.grad)


def test_gradients_in_the_default_precision_are_those_of_double_precision():
    def gradient(dtype):
        a = A.clone().requires_grad_()
        parts = changed(PARTS, RUN, dtype=dtype)
        return torch.autograd.grad(simulate(changed(parts, CRYSTAL, cell_a=a)).double().sum(), a)[0].item()

    assert gradient(torch.float32) == pytest.approx(gradient(torch.float64), rel=1e-4)
