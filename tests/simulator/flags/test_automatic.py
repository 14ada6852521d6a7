"""The tables of automatic choices."""

import pytest

from gradbragg.flags.automatic import PhiSteps, Sampling, mosaic_domains, phi_steps, sampling

RULE = [
    ((None, None, None), (1, 0.0, None)),
    ((None, None, 0.1), (2, 0.1, None)),
    ((None, 0.4, None), (2, 0.4, None)),
    ((None, 0.4, 0.15), (3, 0.4, 0.15)),
    ((4, None, None), (4, 1.0, 0.25)),
    ((4, None, 0.1), (2, 0.1, None)),
    ((4, 0.6, None), (4, 0.6, None)),
    ((1, 0.6, None), (2, 0.6, None)),
    ((4, 0.6, 0.1), (4, 0.6, 0.1)),
    ((4, 0.0, None), (1, 0.0, None)),
    ((-1, -1.0, -1.0), (1, 0.0, None)),
]


@pytest.mark.parametrize(("known", "want"), RULE)
def test_what_is_left_open_of_a_range_is_completed(known, want):
    assert sampling(*known, nominal=1.0) == Sampling(*want)


PHI = [
    ((None, None, None), (1, 0.0, None)),
    ((None, None, 0.5), (2, 0.5, 0.5)),
    ((None, 1.0, None), (2, 1.0, None)),
    ((None, 1.0, 0.3), (4, 1.0, 0.3)),
    ((5, None, None), (5, 1.0, None)),
    ((5, None, 0.3), (2, 0.3, 0.3)),
    ((5, 2.0, None), (5, 2.0, None)),
    ((5, 2.0, 0.3), (5, 2.0, 0.3)),
    ((0, 2.0, None), (1, 2.0, None)),
    ((None, 0.0, None), (2, 0.0, None)),
]


@pytest.mark.parametrize(("known", "want"), PHI)
def test_what_is_left_open_of_a_rotation_is_completed(known, want):
    assert phi_steps(*known) == PhiSteps(*want)


@pytest.mark.parametrize(
    ("known", "want"),
    [
        ((None, None), (1, 0.0)),
        ((None, 0.0), (1, 0.0)),
        ((None, 0.5), (10, 0.5)),
        ((7, None), (1, 0.0)),
        ((7, 0.5), (7, 0.5)),
    ],
)
def test_mosaic_domains_need_a_spread(known, want):
    assert mosaic_domains(*known) == want
