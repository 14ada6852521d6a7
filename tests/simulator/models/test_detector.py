"""Where pixels are: conventions, pivots, beam centres."""

import dataclasses
import math

import pytest
import torch

import gradbragg as gb
from gradbragg.models.conventions import CONVENTIONS
from gradbragg.models.detector import pixel_positions
from gradbragg.models.image_header import image_header
from gradbragg.rules import PHYSICAL, REFERENCE
from gradbragg.units import TensorKind
from tests.support.simulator.images import DETECTOR, configs, image_of, simulate

SMALL = gb.DetectorConfig(n_fast=32, n_slow=40, pixel_size_mm=0.1, distance_mm=100.0)


def spot_mm(config, **kwargs):
    """Where the beam meets the detector, from its corner along fast and slow, in mm."""
    g = gb.Detector(config).geometry(**kwargs)
    hit = g.beam * (g.close_distance / (g.beam * g.normal).sum()) - g.pix0
    return [(hit * g.fast).sum().item() * 1e3, (hit * g.slow).sum().item() * 1e3]


# geometric centre: (1.6, 2.0) mm
DEFAULT_SPOTS = {
    "mosflm": (1.7, 2.1),
    "denzo": (1.65, 2.05),
    "adxv": (1.65, 2.05),
    "xds": (1.6, 2.0),
    "dials": (1.6, 2.0),
    "custom": (1.6, 2.0),
}


@pytest.mark.parametrize(("name", "spot"), DEFAULT_SPOTS.items())
def test_the_default_beam_spot_of_each_convention(name, spot):
    assert spot_mm(dataclasses.replace(SMALL, convention=name)) == pytest.approx(spot, abs=1e-9)


GIVEN_SPOTS = {"mosflm": (1.05, 0.55), "denzo": (1.0, 0.5), "adxv": (0.5, 3.0), "xds": (0.5, 1.0), "custom": (0.5, 1.0)}


@pytest.mark.parametrize(("name", "spot"), GIVEN_SPOTS.items())
def test_a_given_beam_centre_means_what_the_convention_says(name, spot):
    config = dataclasses.replace(SMALL, convention=name, beam_center_mm=(0.5, 1.0))
    assert spot_mm(config) == pytest.approx(spot, abs=1e-9)


def test_the_near_pixel_counts_from_1_at_its_centre():
    config = dataclasses.replace(SMALL, convention="xds", origin_pixels=(10.5, 20.5))
    assert spot_mm(config) == pytest.approx((1.0, 2.0), abs=1e-9)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_conventions_are_orthonormal_frames(name):
    frame = CONVENTIONS[name]
    f, s, o = (torch.tensor(axis) for axis in (frame.fast, frame.slow, frame.normal))
    assert abs(torch.linalg.det(torch.stack((f, s, o))).item()) == 1.0
    assert frame.beam == frame.normal


@pytest.mark.parametrize("pivot", ["beam", "sample"])
def test_a_pivot_keeps_its_promise_under_rotation(pivot):
    turned = dataclasses.replace(
        SMALL, convention="custom", pivot=pivot, rotation_deg=(3.0, 5.0, -7.0), twotheta_deg=0.0
    )
    if pivot == "beam":
        assert spot_mm(turned) == pytest.approx(spot_mm(dataclasses.replace(SMALL, convention="custom")), abs=1e-9)
    else:
        flat = gb.Detector(dataclasses.replace(SMALL, convention="custom")).geometry()
        g = gb.Detector(turned).geometry()
        assert (g.pix0 * g.fast).sum().item() == pytest.approx((flat.pix0 * flat.fast).sum().item(), abs=1e-12)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_given_corner_is_where_the_detector_begins_whatever_the_rest(name):
    corner = torch.tensor([7.0, -3.0, 90.0], dtype=torch.float64)
    config = dataclasses.replace(SMALL, convention=name, rotation_deg=(3.0, 5.0, -7.0), twotheta_deg=4.0)
    free = gb.Detector(config).geometry()
    g = gb.Detector(dataclasses.replace(config, pix0_mm=corner, distance_mm=1.0, beam_center_mm=(9.0, 9.0))).geometry()
    assert torch.equal(g.pix0, corner * 1e-3)
    assert torch.equal(g.fast, free.fast)
    assert torch.equal(g.slow, free.slow)
    assert g.close_distance.item() == pytest.approx(abs((g.pix0 * g.normal).sum().item()))
    assert torch.equal(g.normal.abs(), free.normal.abs())
    hit = g.distance * g.beam - g.pix0
    assert (hit * g.normal).sum().item() == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("line", ["-xds -twotheta 5", "-mosflm -detector_rotx 3", "-adxv"])
def test_the_corner_of_any_detector_describes_it(line):
    """The image from a corner and two axes is the image of the detector that they were taken from."""
    base = "--dtype float64 -cell 50 60 70 80 95 100 -default_F 10 -N 3 -detpixels 6 -oversample 1 -pixel 3 "
    parts = configs(base + line)
    g = gb.Detector(parts[DETECTOR]).geometry()
    changes = {"pix0_mm": 1e3 * g.pix0, "fast_axis": g.fast, "slow_axis": g.slow, "normal": g.normal}
    moved = dataclasses.replace(parts[DETECTOR], rotation_deg=(0.0, 0.0, 0.0), twotheta_deg=0.0, **changes)
    assert torch.allclose(simulate((parts[0], moved, *parts[2:])), simulate(parts), rtol=1e-11)


def test_the_corners_flag_is_in_metres_and_its_twin_in_millimetres():
    line = "-cell 100 -default_F 1 -detpixels 8 "
    metres = configs(line + "-pix0_vector 0.1 0.0004 -0.0004")[DETECTOR]
    assert metres.convention == "custom"
    assert metres.pix0_mm == pytest.approx((100.0, 0.4, -0.4))
    assert configs(line + "-pix0_vector_mm 100 0.4 -0.4")[DETECTOR].pix0_mm == (100.0, 0.4, -0.4)
    assert torch.allclose(image_of(line + "-pix0_vector 0.1 0.0004 -0.0004"), image_of(line + "-fdet_vector 0 0 1"))


def test_the_header_of_a_detector_with_a_given_corner_is_where_it_is(tmp_path):
    line = "-cell 100 -default_F 1 -detpixels 8 -pix0_vector 0.1 0.0005 -0.0002"
    crystal, detector, beam, _ = configs(line)
    header = image_header(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam))
    assert header.spot_mm == pytest.approx((0.2, 0.5))
    assert header.beam_center_mm == pytest.approx((0.2, 0.5))
    assert header.distance_mm == pytest.approx(100.0)


def test_a_close_distance_beats_the_distance():
    g = gb.Detector(
        dataclasses.replace(SMALL, convention="xds", close_distance_mm=80.0, rotation_deg=(0.0, 20.0, 0.0))
    ).geometry()
    assert g.close_distance.item() == pytest.approx(0.08, abs=1e-15)
    assert g.distance.item() == pytest.approx(0.08 / math.cos(math.radians(20)), abs=1e-12)


def test_the_reported_distance_follows_the_swing_but_not_in_the_reference_program():
    config = dataclasses.replace(SMALL, convention="xds", twotheta_deg=20.0)
    assert gb.Detector(config).geometry(rules=REFERENCE).distance.item() == pytest.approx(0.1)
    assert gb.Detector(config).geometry(rules=PHYSICAL).distance.item() == pytest.approx(
        0.1 / math.cos(math.radians(20))
    )


@pytest.mark.parametrize("length", [2.0, 0.9999999])
def test_a_normal_of_any_length_keeps_its_direction_but_not_in_the_reference_program(length):
    upstream = dataclasses.replace(
        SMALL, convention="custom", fast_axis=(1.0, 0.0, 0.0), slow_axis=(0.0, -1.0, 0.0), normal=(0.0, 0.0, length)
    )
    beam = (0.0, 0.0, 1.0)
    assert gb.Detector(upstream).geometry(beam_direction=beam).distance.item() == pytest.approx(0.1)
    assert gb.Detector(upstream).geometry(beam_direction=beam, rules=REFERENCE).distance.item() == pytest.approx(-0.1)


@pytest.mark.parametrize("name", ["mosflm", "xds", "adxv"])
def test_a_curved_detector_is_a_sphere_that_touches_the_flat_one_at_the_beam_spot(name):
    kind = TensorKind()
    config = dataclasses.replace(SMALL, convention=name, pixel_size_mm=0.5)
    flat, bent = (gb.Detector(dataclasses.replace(config, curved=curved)).geometry(kind) for curved in (False, True))
    slow, fast = torch.meshgrid(torch.arange(40.0).double(), torch.arange(32.0).double(), indexing="ij")
    depth = torch.zeros_like(fast)
    X = pixel_positions(bent, fast, slow, depth, PHYSICAL)
    radius = torch.linalg.vector_norm(X, dim=-1)
    assert torch.allclose(radius, radius.new_full((), 0.1), rtol=1e-12)
    # 8 mm off at 100 mm: the sphere leaves the plane by a^2/2R = 0.5 mm and differs by a^3/R^2 along it
    assert (X - pixel_positions(flat, fast, slow, depth, PHYSICAL)).abs().max() < 1.5e-3


def test_sensor_layers_span_the_thickness_but_not_in_the_reference_program():
    config = dataclasses.replace(SMALL, thickness_um=300.0, attenuation_um=250.0, thickness_steps=3)
    physical, reference = (gb.Detector(config).layers(TensorKind(), rules) for rules in (PHYSICAL, REFERENCE))
    assert (physical.depths * 1e6).tolist() == pytest.approx([0, 100, 200])
    assert (reference.depths * 1e6).tolist() == pytest.approx([0, 150, 300])
    assert physical.mu.item() == pytest.approx(4000.0)
