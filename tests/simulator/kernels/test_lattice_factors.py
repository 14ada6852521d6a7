import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradbragg.kernels.grating import grating, nearest_index
from gradbragg.kernels.sphere import round_factor, sphere_transform
from gradbragg.kernels.spots import gauss_factor, squared_distance, squared_reciprocal_distance, tophat_factor

ONE = torch.ones((), dtype=torch.float64)


def test_exact_halves_round_down():
    h = torch.tensor([0.5, -0.5, 1.5, -1.5, 0.49, -0.51, 2.0])
    assert nearest_index(h).tolist() == [0.0, -1.0, 1.0, -2.0, 0.0, -1.0, 2.0]


@given(st.floats(-0.5, 0.5), st.integers(1, 60))
def test_the_grating_is_the_sum_of_its_waves(dh, N):
    """sum of exp(2 pi i n dh) over n = 0 .. N-1 has the modulus of the grating."""
    waves = np.exp(2j * np.pi * dh * np.arange(N)).sum()
    value = grating(torch.tensor(dh, dtype=torch.float64), N * ONE).item()
    assert abs(value) == pytest.approx(abs(waves), abs=1e-11 * N)


@pytest.mark.parametrize("N", [1, 2, 5, 24])
def test_the_squared_grating_averages_to_the_cell_count_over_a_period(N):
    dh = torch.arange(240, dtype=torch.float64) / 240 - 0.5
    assert grating(dh, N * ONE).square().mean().item() == pytest.approx(N, rel=1e-12)


def test_the_sphere_transform_has_its_first_zero_where_tan_x_is_x():
    assert sphere_transform(torch.tensor(4.493409457909064**2, dtype=torch.float64)).item() == pytest.approx(
        0, abs=1e-15
    )


def test_a_round_crystal_peaks_at_its_share_of_the_cells():
    cells = torch.tensor([3.0, 4.0, 5.0], dtype=torch.float64)
    peak = round_factor(torch.zeros(3, dtype=torch.float64), cells, ONE).item()
    assert peak == pytest.approx(60.0 * math.sqrt(math.pi / 6.0), rel=1e-14)


def test_gauss_and_tophat_peak_at_the_number_of_cells_and_fudge_narrows_them():
    cells = torch.tensor([3.0, 4.0, 5.0], dtype=torch.float64)
    dh = torch.tensor([0.0, 0.1, 0.0], dtype=torch.float64)
    Q = squared_distance(dh, cells)
    assert Q.item() == pytest.approx(0.16)
    assert gauss_factor(0.0 * Q, cells, ONE).item() == 60.0
    assert gauss_factor(Q, cells, ONE).item() == pytest.approx(60.0 * math.exp(-0.16 / 0.63))
    assert tophat_factor(Q, cells, ONE).item() == 60.0
    assert tophat_factor(Q, cells, 3.0 * ONE).item() == 0.0


def test_the_reference_programs_distance_scales_with_the_square_of_the_whole_crystal():
    cells = torch.tensor([2.0, 2.0, 2.0], dtype=torch.float64)
    dh = torch.tensor([0.1, 0.2, 0.0], dtype=torch.float64)
    stars = torch.eye(3, dtype=torch.float64) / 100.0
    assert squared_reciprocal_distance(dh, cells, stars).item() == pytest.approx(0.05 / 1e4 * 64)
