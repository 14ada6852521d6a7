"""NeXus files, through an independent reader and by the arithmetic of their transformations."""

import numpy as np
import pytest
import torch

import gradbragg as gb
from gradbragg.cli import main
from tests.support.simulator.images import configs

fabio = pytest.importorskip("fabio")
h5py = pytest.importorskip("h5py")

LINE = (
    "-cell 100 -default_F 100 -N 5 -detpixels_f 24 -detpixels_s 16 -oversample 1 -twotheta 10 -distance 80 "
    "-phi 3 -osc 1"
)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_independent_reader_finds_the_image(dtype):
    assert main([*LINE.split(), "--dtype", dtype, "--nexus", "a.nxs"]) == 0
    raw = np.fromfile("floatimage.bin", np.float32).reshape(16, 24)
    with fabio.open("a.nxs::/entry/data/data") as image:
        assert image.data.shape == (16, 24)
        assert image.data.dtype == dtype
        assert np.array_equal(image.data.astype(np.float32), raw)


@pytest.mark.parametrize("convention", ["mosflm", "adxv", "xds"])
def test_pixels_are_where_the_transformations_say(convention):
    """Corner, then steps along fast and slow: distances from the sample and angles to the beam are kept."""
    line = f"{LINE} -{convention} -detector_rotx 3"
    assert main([*line.split(), "--nexus", "a.nxs"]) == 0
    _, detector, beam, _ = configs(line)
    geometry = gb.Detector(detector).geometry(beam_direction=beam.direction)
    with h5py.File("a.nxs") as file:
        corner = file["/entry/instrument/detector/transformations/corner"]
        module = file["/entry/instrument/detector/module"]
        fast, slow = (module[f"{name}_pixel_direction"] for name in ("fast", "slow"))
        for i, j in ((0, 0), (24, 0), (0, 16), (7, 9)):
            place = corner[0] * corner.attrs["vector"]
            place = place + i * fast[0] * fast.attrs["vector"] + j * slow[0] * slow.attrs["vector"]
            want = (geometry.pix0 + 1e-4 * (i * geometry.fast + j * geometry.slow)) * 1e3
            assert np.linalg.norm(place) == pytest.approx(float(torch.linalg.vector_norm(want)))
            assert place[2] == pytest.approx(float(want @ geometry.beam))
        # right-handed like the laboratory frame
        axes = np.stack([fast.attrs["vector"], slow.attrs["vector"], corner.attrs["vector"]])
        ours = torch.stack([geometry.fast, geometry.slow, geometry.pix0 / torch.linalg.vector_norm(geometry.pix0)])
        assert np.linalg.det(axes) == pytest.approx(float(torch.linalg.det(ours)))
        assert file["/entry/instrument/beam/incident_wavelength"][()] == 1.0
        assert file["/entry/sample/transformations/phi"][0] == 3.0


def test_the_beam_centre_and_distance_are_the_real_ones():
    assert main(["-cell", "100", "-default_F", "1", "-xds", "-ORGX", "5", "-ORGY", "7", "--nexus", "a.nxs"]) == 0
    with h5py.File("a.nxs") as file:
        detector = file["/entry/instrument/detector"]
        assert detector["beam_center_x"][()] == pytest.approx(4.5)
        assert detector["beam_center_y"][()] == pytest.approx(6.5)
        assert detector["distance"][()] == pytest.approx(0.1)


def test_without_h5py_the_remedy_is_named(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    assert main([*LINE.split(), "--nexus", "a.nxs"]) == 2
    assert "needs h5py" in capsys.readouterr().err
