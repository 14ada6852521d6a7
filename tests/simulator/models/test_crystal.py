"""The crystal and its orientations."""

import dataclasses

import pytest
import torch

import gradbragg as gb
from gradbragg.rules import REFERENCE
from gradbragg.units import TensorKind

CONFIG = gb.CrystalConfig(
    cell_a=61.0, cell_b=72.0, cell_c=83.0, cell_alpha=84.0, cell_beta=97.0, cell_gamma=101.0, misset_deg=(1.0, 2.0, 3.0)
)


def test_the_state_holds_real_and_reciprocal_vectors_of_every_orientation():
    config = dataclasses.replace(CONFIG, phi_steps=3, osc_deg=2.0, mosaic_domains=4, mosaic_spread_deg=0.5)
    state = gb.Crystal(config).build_state()
    assert state.real.shape == state.reciprocal.shape == (3, 4, 3, 3)
    assert torch.allclose(state.real @ state.reciprocal.transpose(-1, -2), torch.eye(3).double(), atol=1e-12)
    lengths = torch.linalg.vector_norm(state.real, dim=-1)
    assert torch.allclose(lengths, torch.tensor([61.0, 72.0, 83.0]).double())
    assert torch.equal(state.orientations[5], state.real[1, 1])


def test_the_first_domain_is_not_rotated_and_no_other_by_more_than_the_spread():
    config = dataclasses.replace(CONFIG, mosaic_domains=20, mosaic_spread_deg=2.0)
    U = gb.Crystal(config).domain_rotations(TensorKind())
    angles = torch.rad2deg(torch.acos(((U.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2).clamp(-1, 1)))
    assert torch.equal(U[0], torch.eye(3).double())
    assert (angles[1:] > 0).all()
    assert (angles <= 2.0).all()


def test_phi_steps_are_taken_at_their_left_edges():
    config = dataclasses.replace(CONFIG, phi_start_deg=3.0, osc_deg=2.0, phi_steps=4)
    phi = torch.rad2deg(gb.Crystal(config).phi_angles(TensorKind()))
    assert phi.tolist() == pytest.approx([3.0, 3.5, 4.0, 4.5])


@pytest.mark.parametrize(("start", "want"), [(0.0, [1.0, 0.5, 1.0]), (-0.5, [-0.5, -0.5, 0.5]), (2.0, [2.0, 2.5, 3.0])])
def test_in_the_reference_program_phi_0_takes_the_step_before_it(start, want):
    config = dataclasses.replace(CONFIG, phi_start_deg=start, osc_deg=1.5, phi_steps=3)
    phi = torch.rad2deg(gb.Crystal(config).phi_angles(TensorKind(), REFERENCE))
    assert phi.tolist() == pytest.approx(want)


def test_a_crystal_size_sets_the_cells():
    real = gb.Crystal(dataclasses.replace(CONFIG, crystal_size_mm=(1e-5, None, 1e-9), n_cells=(1.0, 7.0, 1.0)))
    whole = gb.Crystal(dataclasses.replace(real.config, whole_cells=True))
    assert real.build_state().cells.tolist() == pytest.approx([100 / 61, 7.0, 1.0])
    assert whole.build_state().cells.tolist() == [2.0, 7.0, 1.0]


def test_a_matrix_with_a_cell_gives_directions_and_the_cell_lengths():
    matrix = torch.tensor([[0.016, -0.009, 0.006], [0.015, 0.016, -0.001], [-0.002, 0.003, 0.015]], dtype=torch.float64)
    config = dataclasses.replace(CONFIG, reciprocal_matrix=matrix, misset_deg=(0.0, 0.0, 0.0))
    real = gb.Crystal(config).build_state().unrotated
    assert torch.linalg.vector_norm(real, dim=-1).tolist() == pytest.approx([61.0, 72.0, 83.0])
    # a is perpendicular to b* and c*, the second and third column
    assert (matrix.T[1:] @ real[0]).tolist() == pytest.approx([0.0, 0.0], abs=1e-12)


IMPOSSIBLE = {
    "angles that no cell has": {"cell_alpha": 30.0, "cell_beta": 30.0, "cell_gamma": 100.0},
    "a straight angle": {"cell_alpha": 180.0},
    "an edge of 0": {"cell_a": 0.0},
    "an edge that is no number": {"cell_b": float("nan")},
    "half a cell": {"cell_c": None},
    "no phi step": {"phi_steps": 0},
    "an unknown shape": {"shape": "oval"},
}


@pytest.mark.parametrize("values", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_crystals_are_refused(values):
    with pytest.raises(gb.ConfigError):
        dataclasses.replace(CONFIG, **values)
