"""The failing case of the worked example: six unit-cell gradients, all exactly zero.

It is red on purpose and lives with its plan, outside the normal suite; `tests/test_gradients.py` holds the corrected
test. Nothing in it is wrong but what it leaves out: structure factors.
"""

import pytest
import torch

import gradbragg as gb

pytestmark = pytest.mark.filterwarnings("default::gradbragg.BlankImageWarning")


def assert_gradients_flow(default_F: float | None) -> None:
    cell_a, cell_b, cell_c = (torch.tensor(100.0, dtype=torch.float64, requires_grad=True) for _ in range(3))
    cell_alpha, cell_beta, cell_gamma = (torch.tensor(90.0, dtype=torch.float64, requires_grad=True) for _ in range(3))
    crystal = gb.CrystalConfig(
        cell_a=cell_a,
        cell_b=cell_b,
        cell_c=cell_c,
        cell_alpha=cell_alpha,
        cell_beta=cell_beta,
        cell_gamma=cell_gamma,
        n_cells=(5, 5, 5),
        **({} if default_F is None else {"default_F": default_F}),
    )
    detector = gb.DetectorConfig(distance_mm=100.0, pixel_size_mm=0.1, n_fast=64, n_slow=64)
    beam = gb.BeamConfig(wavelength_angstrom=6.2)
    run = gb.RunConfig(dtype=torch.float64)

    image = gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run).run()
    loss = image.sum()
    loss.backward()

    gradients = [p.grad for p in (cell_a, cell_b, cell_c, cell_alpha, cell_beta, cell_gamma)]
    assert all(g is not None for g in gradients), "Every cell parameter should have a gradient"
    assert any(g.abs() > 1e-10 for g in gradients), "At least one gradient should be non-zero"


def test_gradient_flow_simulation():
    """The case as it was found: a cubic 100 A cell, N = 5, no mosaic spread, no structure factors."""
    assert_gradients_flow(default_F=None)


@pytest.mark.parametrize("default_F", [0.0, 100.0], ids=["default_F=0", "default_F=100"])
def test_gradient_flow_by_structure_factor(default_F):
    """The cheap probe: the same test without and with structure factors."""
    assert_gradients_flow(default_F)
