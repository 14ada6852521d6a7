"""Looking at an image: spots and rings where Bragg's law puts them, and a page that stands alone."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import gradbragg as gb
from gradbragg.cli import main
from gradbragg.cli.progress import ProgressBar
from gradbragg.io.image_files import read_image
from gradbragg.simulation.annotations import Plane, rings_of, spots_of
from tests.support.simulator.images import configs

LINE = "-cell 40 -default_F 100 -N 8 -gauss_xtal -mosaic 1 -mosaic_domains 4 -lambda 1 -distance 90 -detpixels 60 "
MOVED = "-pixel 2 -oversample 1 -twotheta 12 -detector_roty 5 -misset 10 20 30"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("output", ["-intfile a.img", "--nexus a.img"])
def test_spacings_are_those_of_the_simulated_geometry(output):
    if output.startswith("--nexus"):
        pytest.importorskip("h5py")
    line = LINE + MOVED
    assert main([*line.split(), *output.split()]) == 0
    plane = Plane(read_image("a.img").header)
    _, detector, beam, _ = configs(line)
    geometry = gb.Detector(detector).geometry(beam_direction=beam.direction)
    fast, slow = np.array([0.0, 13.0, 59.0]), np.array([0.0, 50.0, 31.0])
    X = geometry.pix0 + 2e-3 * (
        torch.tensor(fast + 0.5)[:, None] * geometry.fast + torch.tensor(slow + 0.5)[:, None] * geometry.slow
    )
    q = (X / torch.linalg.vector_norm(X, dim=-1, keepdim=True) - geometry.beam) / 1.0
    assert plane.spacings(fast, slow) == pytest.approx(1.0 / torch.linalg.vector_norm(q, dim=-1).numpy())


def test_rings_run_where_their_spacing_is_seen():
    assert main([*(LINE + MOVED).split(), "-intfile", "a.img"]) == 0
    plane = Plane(read_image("a.img").header)
    rings = rings_of((60, 60), plane)
    assert [ring.d for ring in rings] == sorted((ring.d for ring in rings), reverse=True)
    for ring in rings:
        fast, slow = np.array(ring.points).T
        assert plane.spacings(fast, slow) == pytest.approx(np.full(len(fast), ring.d), rel=1e-6)


def test_spots_are_found_where_they_were_put():
    image = np.random.default_rng(0).poisson(20.0, (50, 60)).astype(float)
    for fast, slow, peak in ((10, 20, 900.0), (40, 5, 500.0), (0, 49, 300.0)):
        image[slow, fast] = peak
    image[20, 11] = 900.0 - 1e-6
    assert main([*LINE.split(), "-intfile", "a.img"]) == 0
    spots = spots_of(image, Plane(read_image("a.img").header), most=3)
    assert [(round(s.fast, 1), round(s.slow)) for s in spots] == [(10.5, 20), (40.0, 5), (0.0, 49)]
    assert spots[0].peak == 900.0


def test_a_flat_image_has_no_spots():
    assert main([*LINE.split(), "-intfile", "a.img"]) == 0
    assert spots_of(np.full((60, 60), 7.0), Plane(read_image("a.img").header)) == []


def test_the_page_stands_alone(capsys):
    assert main([*(LINE + MOVED).split(), "-noisefile", "a<b.img", "-seed", "1"]) == 0
    capsys.readouterr()
    assert main(["view", "a<b.img"]) == 0
    assert "wrote a<b.img.html" in capsys.readouterr().out
    page = Path("a<b.img.html").read_text()
    assert "<title>a&lt;b.img</title>" in page
    assert not re.search(r"https?://", page)
    assert page.count('class="ring"') == 4
    for name in ("ring", "ring-label", "spot", "beam"):
        assert re.search(rf"(?m)^\.{name} {{", page)
    assert page.count('class="spot"') == page.count("<tr data-spot") > 5
    assert main(["view", "a<b.img", "other.html"]) == 0
    assert Path("other.html").exists()


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("view", 2, "view needs the file of an image"),
        ("view nowhere.img", 1, "nowhere.img: cannot be read"),
        ("view junk", 1, "junk: is neither SMV nor NeXus"),
        ("view short.img", 1, "short.img: the header has no PIXEL_SIZE"),
        ("view junk junk", 2, "the page would overwrite"),
    ],
)
def test_what_cannot_be_viewed_is_an_error(line, code, message, capsys):
    Path("junk").write_text("junk")
    Path("short.img").write_text("{\nHEADER_BYTES=512;\nSIZE1=2;\nSIZE2=2;\n}".ljust(520))
    assert main(line.split()) == code
    assert message in capsys.readouterr().err


def test_view_has_its_own_help(capsys):
    assert main(["view", "--help"]) == 0
    assert "usage: gradbragg view" in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_is_drawn_on_a_terminal_after_a_while_and_wiped(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("gradbragg.cli.progress.time.monotonic", lambda: clock[0])
    stream = Terminal()
    bar = ProgressBar(stream=stream)
    bar(1, 100)
    assert stream.getvalue() == ""
    clock[0] = 30.0
    bar(25, 100)
    assert "25 %" in stream.getvalue()
    assert "1 min 30 s left" in stream.getvalue()
    bar.close()
    assert stream.getvalue().endswith("\r")


@pytest.mark.parametrize(("stream", "wanted"), [(io.StringIO(), True), (Terminal(), False)])
def test_no_bar_without_a_terminal_or_when_it_is_not_wanted(stream, wanted, monkeypatch):
    monkeypatch.setattr("gradbragg.cli.progress._FIRST_AFTER", -1.0)
    bar = ProgressBar(wanted, stream)
    bar(50, 100)
    bar.close()
    assert stream.getvalue() == ""


def test_a_run_tells_how_far_it_is():
    crystal, detector, beam, run = configs(LINE + "-oversample 1 --block-steps 4000")
    told = []
    gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run).run(lambda *at: told.append(at))
    assert told[0] == (0, 3600)
    assert told == sorted(told)
    assert len(told) == 4
