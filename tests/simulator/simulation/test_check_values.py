"""Sums, maxima and pixels that were noted from the reference program.

The program was built with gcc -O2 and run on one thread in an empty folder; nine digits of its float32
images were noted.
"""

import itertools
from dataclasses import dataclass

import pytest

from tests.support.simulator.images import image_of
from tests.support.simulator.tolerances import CHECK_VALUE, NOTED_WITH_SIX_DIGITS, SINGLE_PRECISION_ANGLE, WEAK_PIXEL

COMMON = " -default_F 100 -distance 100 -detpixels 64 -pixel 0.1 -lambda 1"
SHAPED = (
    "-cell 60 70 80 90 100 90 -misset 15 25 35 -Na 4 -Nb 5 -Nc 6 -oversample 1 -fudge 0.9 "
    "-lambda 1.5 -default_F 100 -distance 100 -detpixels 64 -pixel 0.4 "
)


@dataclass(frozen=True)
class Check:
    flags: str
    total: float
    maximum: float
    at: tuple[int, int]
    pixels: tuple[tuple[int, int, float], ...]


CHECKS = {
    "C1 cubic": Check(
        "-cell 100 100 100 90 90 90 -N 5 -oversample 1" + COMMON,
        25282.1502,
        104.3638,
        (32, 32),
        ((10, 12, 4.21049595), (32, 21, 12.3868065), (59, 55, 0.106459044)),
    ),
    "C2 monoclinic, xds, polarized": Check(
        "-cell 60 75 90 90 105 90 -misset 10 20 30 -N 4 -oversample 1 -xds -ORGX 20.5 -ORGY 40.5 -polar 0.9 "
        "-default_F 100 -distance 100 -detpixels 64 -pixel 0.5 -lambda 1.2",
        63584.6706,
        855.185547,
        (30, 58),
        ((10, 12, 4.07561016), (32, 21, 0.261702627), (59, 55, 0.0136327287)),
    ),
    "C3 triclinic, rotated detector, two-theta": Check(
        "-cell 70 80 90 75 85 95 -misset 5 -7 11 -N 3 -oversample 2 -nointerpolate -detector_rotx 5 "
        "-detector_roty 3 -detector_rotz 2 -twotheta 15 -Xbeam 3.0 -Ybeam 3.5 -polar 0.5" + COMMON,
        1266.35355,
        6.93086386,
        (30, 35),
        ((10, 12, 1.22390938), (32, 21, 0.0154078193), (59, 55, 0.223191798)),
    ),
    "C4 mosaic": Check(
        "-cell 100 100 100 90 90 90 -misset 3 4 5 -N 8 -oversample 1 -mosaic 1.0 -mosaic_domains 6" + COMMON,
        35308.4983,
        2517.71973,
        (23, 43),
        ((10, 12, 0.00703023188), (32, 21, 10.4623775), (59, 55, 0.00140239275)),
    ),
    "C5 rotation, adxv": Check(
        "-cell 100 100 100 90 90 90 -N 6 -oversample 1 -phi 1 -osc 2 -phisteps 4 -adxv" + COMMON,
        41167.5418,
        466.559998,
        (32, 32),
        ((10, 12, 2.35186815), (32, 21, 122.469872), (59, 55, 0.0901489854)),
    ),
    "C6 divergence and dispersion, denzo": Check(
        "-cell 80 90 100 90 90 90 -misset 1 2 3 -N 6 -oversample 1 -hdivrange 2 -hdivsteps 5 -vdivrange 1 "
        "-vdivsteps 4 -dispersion 2 -dispsteps 3 -denzo" + COMMON,
        28257.2014,
        289.499359,
        (32, 32),
        ((10, 12, 33.1687469), (32, 21, 156.473877), (59, 55, 0.0101022264)),
    ),
    "C7 thick sensor, dials": Check(
        "-cell 100 100 100 90 90 90 -misset 3 2 1 -N 5 -oversample 1 -detector_thick 450 -detector_abs 300 "
        "-dials -close_distance 80" + COMMON,
        8119.06386,
        107.830917,
        (7, 16),
        ((10, 12, 0.0814338923), (32, 21, 3.01234245), (59, 55, 0.022867227)),
    ),
    "C8a round": Check(
        SHAPED + "-round_xtal",
        80009.5121,
        1109.25159,
        (51, 2),
        ((10, 12, 4.79966736), (32, 21, 3.66192913), (59, 55, 7.73244715)),
    ),
    "C8b gauss": Check(
        SHAPED + "-gauss_xtal",
        1789931.52,
        2218.08521,
        (20, 32),
        ((10, 12, 93.304039), (32, 21, 488.031586), (59, 55, 183.474167)),
    ),
    "C8c tophat": Check(
        SHAPED + "-tophat_spots",
        2200553.71,
        2303.96313,
        (32, 32),
        ((10, 12, 0.0), (16, 13, 2256.66602), (47, 38, 2286.37451)),
    ),
    "C9a interpolated list": Check(
        "-cell 100 100 100 90 90 90 -misset 10 20 30 -N 2 -oversample 1 -hkl check.hkl "
        "-distance 100 -detpixels 64 -pixel 0.1 -lambda 1",
        41.7367834,
        0.196010217,
        (29, 11),
        ((10, 12, 0.0067115766), (32, 21, 0.00426301127), (59, 55, 0.0481061749)),
    ),
    "C9b nearest of a list": Check(
        "-cell 100 100 100 90 90 90 -misset 10 20 30 -N 2 -oversample 1 -nointerpolate -hkl check.hkl "
        "-distance 100 -detpixels 64 -pixel 0.5 -lambda 1",
        368.2616,
        4.49373055,
        (46, 18),
        ((13, 18, 0.0515484735), (33, 33, 0.0421836935), (54, 47, 0.486558139)),
    ),
    "C10 custom vectors, water, point pixels": Check(
        "-cell 50 60 70 90 90 90 -misset 2 3 4 -N 10 -oversample 3 -fluence 1e28 -water 0.05 -point_pixel "
        "-nopolar -fdet_vector 0 0.6 0.8 -sdet_vector 0 -0.8 0.6 -Xbeam 3 -Ybeam 2 -pivot sample "
        "-detpixels_f 48 -detpixels_s 40 -default_F 100 -distance 100 -pixel 0.1 -lambda 1 -twotheta 8",
        9.34114311e10,
        1.36942612e10,
        (23, 41),
        ((10, 12, 2171060.5), (20, 16, 1935246.25), (35, 39, 2129943.0)),
    ),
}

PHYSICAL_TOO = ("C1", "C2", "C4", "C5", "C8a", "C9a", "C9b")
"""Where the reference program's rules and the physics agree (C4 but for the single-precision angle)."""


@pytest.fixture
def check_list(tmp_path, monkeypatch):
    """All reflections to 8 with F = ((7h + 13k + 29l) mod 50) + 10."""
    lines = [
        f"{h} {k} {m} {(7 * h + 13 * k + 29 * m) % 50 + 10}" for h, k, m in itertools.product(range(-8, 9), repeat=3)
    ]
    (tmp_path / "check.hkl").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("check_list")
@pytest.mark.filterwarnings("ignore::gradbragg.FlagWarning")
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_compat_gives_the_noted_values(check):
    image = image_of("--compat --dtype float64 " + check.flags)

    assert image.sum().item() == pytest.approx(check.total, rel=CHECK_VALUE)
    assert image.max().item() == pytest.approx(check.maximum, rel=CHECK_VALUE)
    assert image[check.at].item() == pytest.approx(check.maximum, rel=CHECK_VALUE)
    for slow, fast, value in check.pixels:
        assert image[slow, fast].item() == pytest.approx(value, rel=WEAK_PIXEL)


@pytest.mark.usefixtures("check_list")
@pytest.mark.parametrize("name", [name for name in CHECKS if name.split()[0] in PHYSICAL_TOO])
def test_the_physical_rules_give_the_noted_values_too(name):
    check = CHECKS[name]
    image = image_of("--dtype float64 " + check.flags)
    tolerance = SINGLE_PRECISION_ANGLE if name.startswith("C4") else CHECK_VALUE

    assert image.sum().item() == pytest.approx(check.total, rel=tolerance)
    assert image.max().item() == pytest.approx(check.maximum, rel=tolerance)
    for slow, fast, value in check.pixels:
        assert image[slow, fast].item() == pytest.approx(value, rel=WEAK_PIXEL, abs=(tolerance * check.maximum))


@pytest.mark.parametrize(
    ("flags", "total"),
    [
        ("-phi 0", 5682.24999),
        ("-phi 0.5", 5660.54579),
        ("-phi 0 -osc 1 -phisteps 2", 5660.54338),
        ("-oversample 2", 5685.05),
        ("-oversample 2 -oversample_omega", 1418.58),
        ("-detector_thick 100 -detector_abs 200", None),
    ],
)
def test_defects_of_the_reference_program_are_reproduced_in_compat(flags, total):
    base = (
        "--compat --dtype float64 -cell 100 100 100 90 90 90 -default_F 100 -distance 100 -detpixels 32 "
        "-N 5 -oversample 1 "
    )
    image = image_of(base + flags)
    if total is None:  # two layers, each kept with the second layer's share
        assert (image.sum() / image_of(base).sum()).item() == pytest.approx(0.3447, abs=5e-5)
    else:
        assert image.sum().item() == pytest.approx(total, rel=NOTED_WITH_SIX_DIGITS)
