"""Noted deviates, rotations and angles of the reference program."""

import numpy as np
import pytest
import torch

from gradbragg.kernels.rotation import fixed_axes_rotation
from gradbragg.models.random_stream import UniformStream, draw_turn, random_misset_deg, turn_matrix

FIRST = {
    -1: (0.415999353, 0.091964893, 0.75641048, 0.52970022, 0.930436492),
    -12345678: (0.765989304, 0.023453664, 0.589726627, 0.535101593, 0.982231438, 0.693016112),
}


@pytest.mark.parametrize(("seed", "deviates"), FIRST.items())
def test_the_first_deviates_are_the_noted_ones(seed, deviates):
    stream = UniformStream(seed)
    assert [stream.uniform() for _ in deviates] == pytest.approx(deviates, abs=5e-10)


def test_seed_0_and_a_first_seed_above_0_count_as_1():
    assert UniformStream(0).uniform() == UniformStream(-1).uniform() == UniformStream(77).uniform()


def test_a_seed_above_0_goes_on_with_the_table():
    stream = UniformStream(-5)
    first = stream.uniform()
    stream.reseed(5)
    assert stream.uniform() != first
    stream.reseed(-5)
    assert stream.uniform() == first


def test_deviates_stay_below_1_and_are_single_precision():
    stream = UniformStream(-3)
    values = [stream.uniform() for _ in range(1000)]
    assert all(0.0 < value < 1.0 and value == float(np.float32(value)) for value in values)


def test_the_second_mosaic_domain_is_the_noted_one():
    stream = UniformStream(-12345678)
    draw_turn(stream, single_precision=True)
    turn = draw_turn(stream, single_precision=True)
    U = turn_matrix(turn, float(np.float32(np.deg2rad(1.0)) * np.float32(turn.fraction)))
    assert U[0] == pytest.approx([0.9998636859, -0.0159487717, 0.0042715638], abs=5e-10)


def test_the_random_misset_of_the_reference_program_is_the_noted_one():
    assert random_misset_deg(5, in_radians=True) == pytest.approx((142.144470, 55.074207, 35.266329), abs=5e-7)


def test_the_physical_random_misset_is_uniform_over_rotations():
    """The image of any direction is isotropic: its mean is 0 and its mean square 1/3 along each axis."""
    angles = torch.deg2rad(torch.tensor([random_misset_deg(seed) for seed in range(1, 2001)], dtype=torch.float64))
    images = fixed_axes_rotation(angles) @ torch.tensor([0.36, 0.48, 0.8], dtype=torch.float64)
    # standard errors over 2000 draws: 0.013 for the mean, 0.0067 for the mean square
    assert images.mean(0).tolist() == pytest.approx([0, 0, 0], abs=0.05)
    assert images.square().mean(0).tolist() == pytest.approx([1 / 3] * 3, abs=0.03)
