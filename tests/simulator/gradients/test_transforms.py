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


def test_gradcheck_and_gradgradcheck_pass():
    x = A.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda a: image(a).sum(), x)
    assert torch.autograd.gradgradcheck(lambda a: image(a).sum(), x)


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
