"""What is kept for a configuration of plain numbers is never stale, and never in anybody's way."""

import dataclasses

import pytest
import torch

import gradbragg as gb

FLAGS = "-default_F 100 -cell 30 30 30 90 90 90 -lambda 1 -N 5 -distance 50 -detpixels 8 -oversample 1 --dtype float64"


@pytest.fixture
def parts():
    return gb.configs_from_flags(FLAGS.split())


def image_of(crystal, detector, beam, run):
    return gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run).run()


def counted(monkeypatch) -> list[object]:
    calls: list[object] = []
    geometry = gb.Detector.geometry

    def counting(self, *args, **kwargs):
        calls.append(self.config)
        return geometry(self, *args, **kwargs)

    monkeypatch.setattr(gb.Detector, "geometry", counting)
    return calls


def test_plain_numbers_are_worked_out_once(parts, monkeypatch):
    calls = counted(monkeypatch)
    first, second = image_of(*parts), image_of(*parts)
    assert torch.equal(first, second)
    assert len(calls) == 1


def test_a_tensor_that_changes_in_place_is_read_again(parts, monkeypatch):
    crystal, detector, beam, run = parts
    calls = counted(monkeypatch)
    distance = torch.tensor(50.0, dtype=torch.float64)
    detector = dataclasses.replace(detector, distance_mm=distance)
    first = image_of(crystal, detector, beam, run)
    distance += 10.0
    assert not torch.equal(first, image_of(crystal, detector, beam, run))
    assert len(calls) == 2


def test_a_list_that_changes_is_read_again(parts):
    crystal, detector, beam, run = parts
    direction = [1.0, 0.0, 0.0]
    beam = dataclasses.replace(beam, direction=direction)
    first = image_of(crystal, detector, beam, run)
    direction[1] = 0.3
    changed = dataclasses.replace(beam, direction=(1.0, 0.3, 0.0))
    second = image_of(crystal, detector, beam, run)
    assert not torch.equal(first, second)
    assert torch.equal(second, image_of(crystal, detector, changed, run))


def test_conventions_and_precisions_have_their_own(parts):
    crystal, detector, beam, run = parts
    xds = dataclasses.replace(detector, convention="xds")
    alone = image_of(dataclasses.replace(crystal), xds, dataclasses.replace(beam), run)
    image_of(crystal, detector, beam, run)
    assert torch.equal(image_of(crystal, xds, beam, run), alone)
    single = dataclasses.replace(run, dtype=torch.float32)
    assert image_of(crystal, detector, beam, single).dtype == torch.float32


def test_what_inference_mode_made_is_not_kept(parts):
    crystal, detector, beam, run = parts
    with torch.inference_mode():
        image_of(crystal, detector, beam, run)
    F = torch.tensor(100.0, dtype=torch.float64, requires_grad=True)
    image = image_of(dataclasses.replace(crystal, default_F=F), detector, beam, run)
    (slope,) = torch.autograd.grad(image.sum(), F)
    torch.testing.assert_close(slope * F / 2, image.sum())
