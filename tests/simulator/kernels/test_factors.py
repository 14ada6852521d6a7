import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradbragg.kernels.absorption import capture_fraction
from gradbragg.kernels.background import water_intensity
from gradbragg.kernels.polarization import polarization_factor
from gradbragg.kernels.rotation import axis_rotation, fixed_axes_rotation, unit
from gradbragg.kernels.solid_angle import solid_angle
from tests.support.simulator.tolerances import ROUNDING

X, Y, Z = torch.eye(3, dtype=torch.float64)
ANGLE = st.floats(-180, 180)


def tensor(value):
    return torch.tensor(value, dtype=torch.float64)


@given(st.tuples(ANGLE, ANGLE, ANGLE))
def test_rotations_keep_lengths_and_handedness(angles):
    R = fixed_axes_rotation(torch.deg2rad(tensor(angles)))
    assert torch.allclose(R @ R.T, torch.eye(3, dtype=torch.float64), atol=ROUNDING)
    assert torch.linalg.det(R).item() == pytest.approx(1.0)


def test_rotations_are_right_handed_and_x_goes_first():
    quarter = tensor(math.pi / 2)
    assert torch.allclose(axis_rotation(Z, quarter) @ X, Y, atol=ROUNDING)
    # x first leaves x alone, then y takes x to -z, then z leaves -z alone
    assert torch.allclose(fixed_axes_rotation(quarter.expand(3)) @ X, -Z, atol=ROUNDING)


@given(ANGLE, ANGLE, st.floats(-1, 1))
def test_the_polynomial_is_the_textbook_polarization(twotheta, azimuth, K):
    """P = (1 + cos^2 2theta - K cos 2psi sin^2 2theta)/2 with psi from atan2."""
    t, a = math.radians(twotheta), math.radians(azimuth)
    d = tensor([math.cos(t), math.sin(t) * math.cos(a), math.sin(t) * math.sin(a)])
    B = torch.linalg.cross(Z, X)
    E = torch.linalg.cross(X, B)
    psi = -math.atan2((d * B).sum(), (d * E).sum())
    want = 0.5 * (1 + math.cos(t) ** 2 - K * math.cos(2 * psi) * math.sin(t) ** 2)
    assert polarization_factor(X, d, Z, tensor(K)).item() == pytest.approx(want, abs=1e-12)


def test_the_solid_angles_of_a_flat_plate_add_up_to_its_own():
    """4 asin(a b / sqrt((a^2 + d^2)(b^2 + d^2))) for a plate of 2a x 2b at distance d."""
    n, pixel, distance = 400, 1e-3, 0.1
    place = (torch.arange(n, dtype=torch.float64) + 0.5 - n / 2) * pixel
    R = torch.sqrt(place[:, None] ** 2 + place**2 + distance**2)
    total = solid_angle(R, tensor(pixel), tensor(distance)).sum().item()
    half = n * pixel / 2
    assert total == pytest.approx(4 * math.asin(half**2 / (half**2 + distance**2)), rel=1e-4)


@given(st.floats(1e-6, 1e-2), st.floats(1.0, 1e5), st.floats(0.01, 1.0), st.integers(1, 9))
def test_layers_capture_what_the_whole_sensor_does(thickness, mu, cosine, n):
    spacing = tensor(thickness / n)
    depths = torch.arange(n, dtype=torch.float64) * spacing
    layers = capture_fraction(depths, spacing, tensor(mu), tensor(cosine)).sum().item()
    assert layers == pytest.approx(-math.expm1(-thickness * mu / cosine), rel=1e-10)


def test_water_counts_its_molecules():
    """A cube of 10 um holds 1 ng: 3.3456e13 molecules, each scattering 2.57 electrons squared."""
    assert water_intensity(tensor(1e-5)).item() == pytest.approx(3.34563e13 * 2.57**2, rel=1e-5)


def test_unit_vectors_have_length_1():
    assert unit(tensor([3.0, 0.0, 4.0])).tolist() == [0.6, 0.0, 0.8]
