"""Gradients of a whole simulation with respect to the unit cell."""

import dataclasses

import pytest
import torch

import gradbragg as gb
from tests.support.simulator.richardson import agrees, derivative
from tests.support.simulator.tolerances import GRADIENT

NAMES = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")


def simulated_sum(default_F: float, **cell: torch.Tensor | float) -> torch.Tensor:
    """Sum of the image of a cubic crystal of 5 x 5 x 5 cells without mosaicity."""
    crystal = dataclasses.replace(gb.CrystalConfig(n_cells=5.0, default_F=default_F), **cell)
    detector = gb.DetectorConfig(n_fast=64, n_slow=64, pixel_size_mm=0.1, distance_mm=100.0)
    beam = gb.BeamConfig(wavelength_angstrom=6.2)
    run = gb.RunConfig(dtype=torch.float64, oversample=1)
    return gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run).run().sum()


class TestAdvancedGradients:
    def test_gradient_flow_simulation(self):
        cell_a = torch.tensor(100.0, dtype=torch.float64, requires_grad=True)
        cell_b = torch.tensor(100.0, dtype=torch.float64, requires_grad=True)
        cell_c = torch.tensor(100.0, dtype=torch.float64, requires_grad=True)
        cell_alpha = torch.tensor(90.0, dtype=torch.float64, requires_grad=True)
        cell_beta = torch.tensor(90.0, dtype=torch.float64, requires_grad=True)
        cell_gamma = torch.tensor(90.0, dtype=torch.float64, requires_grad=True)

        loss = simulated_sum(
            100.0,
            cell_a=cell_a,
            cell_b=cell_b,
            cell_c=cell_c,
            cell_alpha=cell_alpha,
            cell_beta=cell_beta,
            cell_gamma=cell_gamma,
        )
        loss.backward()

        leaves = (cell_a, cell_b, cell_c, cell_alpha, cell_beta, cell_gamma)
        for name, leaf in zip(NAMES, leaves, strict=True):
            assert leaf.grad is not None, name
            assert leaf.grad.item() != 0.0, name

            def one_changed(value, name=name):
                return simulated_sum(100.0, **{name: value}).item()

            numeric, error = derivative(one_changed, leaf.item())
            assert agrees(leaf.grad.item(), numeric, error, GRADIENT), (name, leaf.grad.item(), numeric, error)
            # the difference itself must be good enough to prove something
            assert error <= GRADIENT * abs(numeric), (name, numeric, error)

    def test_a_blank_image_warns_and_its_gradients_are_zero_and_there(self):
        cell_a = torch.tensor(100.0, dtype=torch.float64, requires_grad=True)
        with pytest.warns(gb.BlankImageWarning, match="no structure factor"):
            loss = simulated_sum(0.0, cell_a=cell_a)
        loss.backward()

        assert loss.item() == 0.0
        assert cell_a.grad is not None
        assert cell_a.grad.item() == 0.0
