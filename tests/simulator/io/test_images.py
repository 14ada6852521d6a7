"""Whole-number images: their values by formula, their headers, and an independent reader."""

import bz2
import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

import gradbragg as gb
from gradbragg.cli import main
from gradbragg.io.counts import count_scale, gray_scale, scaled_counts, stored_counts
from gradbragg.io.smv import read_mask, read_pixels, read_smv_header
from gradbragg.models.image_header import image_header
from gradbragg.simulation.statistics import image_statistics
from tests.support.simulator.images import configs

fabio = pytest.importorskip("fabio")

SMALL = "-cell 100 -default_F 100 -N 5 -detpixels_f 24 -detpixels_s 16 -oversample 1 "


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_counts_are_rounded_and_clipped():
    image = np.array([0.0, 0.26, 0.24, -1.0, 1e9], np.float32)
    assert scaled_counts(image, 2.0, 40.0).tolist() == [40, 41, 40, 38, 65535]
    assert scaled_counts(image, 2.0, -5.0).tolist() == [0, 0, 0, 0, 65535]


def test_counted_photons_are_truncated_and_overloads_counted():
    counts, overloads = stored_counts(np.array([0.0, 1.7, 70000.0, -3.0]), 1.0)
    assert counts.tolist() == [1, 2, 65535, 0]
    assert overloads == 1


def test_automatic_scales():
    assert count_scale(None, 110.0) == 500.0
    assert count_scale(0.0, 0.0) == 1.0
    assert count_scale(3.0, 110.0) == 3.0
    statistics = statistics_of(SMALL)
    assert gray_scale(None, statistics, 7.0) == pytest.approx(50.0 / statistics.rmsd)
    assert gray_scale(2.0, statistics, 7.0) == 2.0


def statistics_of(line):
    crystal, detector, beam, run = configs(line)
    simulator = gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run)
    return image_statistics(simulator, simulator.run())


def test_the_solid_angle_is_that_of_the_detector_whatever_is_sampled():
    # a square seen from its axis, half its edge over the distance being h: 4 arctan(h^2/sqrt(1 + 2 h^2))
    line = "-cell 100 -default_F 100 -N 1 -detpixels 200 -pixel 1 -xds -oversample 1 "
    half = 100.0 / 100.0
    exact = 4.0 * np.arctan(half * half / np.sqrt(1.0 + 2.0 * half * half))
    assert statistics_of(line).solid_angle_sr == pytest.approx(exact, rel=1e-4)
    more = statistics_of(line + "-mosaic 1 -mosaic_domains 2 -detector_thick 100")
    assert more.solid_angle_sr == pytest.approx(exact, rel=1e-4)


def test_statistics_are_those_of_the_simulated_pixels():
    got = statistics_of(SMALL + "-roi 3 9 4 8 --dtype float64")
    crystal, detector, beam, run = configs(SMALL + "--dtype float64")
    image = gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run).run()[4:9, 3:10].numpy()
    assert got.pixels == 35
    assert got.mean == pytest.approx(image.mean())
    assert got.rmsd == pytest.approx(image.std(ddof=1))
    assert got.rms == pytest.approx(np.sqrt((image**2).sum() / 34))
    slow, fast = np.unravel_index(image.argmax(), image.shape)
    assert (got.slow, got.fast) == (slow + 4, fast + 3)
    assert got.place_m == pytest.approx(((fast + 3.5) * 1e-4, (slow + 4.5) * 1e-4))


@pytest.mark.parametrize("mode", ["", "--compat"])
def test_an_independent_reader_finds_our_counts_and_header(mode):
    line = SMALL + mode + " -scale 10 -distance 123.456789 -lambda 1.2 -phi 3 -osc 1 -phisteps 1 -intfile a.img"
    assert main(line.split()) == 0
    raw = np.fromfile("floatimage.bin", np.float32).reshape(16, 24)
    with fabio.open("a.img") as image:
        assert np.array_equal(image.data, np.floor(np.clip(raw * 10.0 + 40.0, 0, 65535) + 0.5))
        assert float(image.header["DISTANCE"]) == pytest.approx(123.456789, rel=1e-5 if mode else 1e-14)
        assert float(image.header["WAVELENGTH"]) == 1.2
        assert float(image.header["OSC_START"]) == 3.0
        assert int(image.header["HEADER_BYTES"]) == (512 if mode else 1024)


def test_masked_pixels_get_the_offset_and_pixels_outside_the_region_nothing():
    assert main([*SMALL.split(), "-intfile", "mask.img", "-scale", "1"]) == 0
    content = bytearray(Path("mask.img").read_bytes())
    content[1024 + 2 * (5 * 24 + 7) : 1024 + 2 * (5 * 24 + 7) + 2] = b"\0\0"
    Path("mask.img").write_bytes(content)
    line = SMALL + "-mask mask.img -roi 6 9 5 8 -intfile a.img -noisefile n.img -seed 1"
    assert main(line.split()) == 0
    for name in ("a.img", "n.img"):
        with fabio.open(name) as image:
            assert image.data[5, 7] == 40
            assert (image.data[6:9, 6:10] >= 40).all()
            assert not image.data[:5].any()
            assert not image.data[:, 10:].any()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "float32"])
@pytest.mark.parametrize("order", ["little_endian", "big_endian"])
def test_masks_and_images_of_another_program_are_read_in_every_type_and_byte_order(dtype, order):
    pixels = np.random.default_rng(1).integers(0, 3, (16, 24)).astype(dtype)
    pixels[0, :2] = 100, 0
    fabio.dtrekimage.DtrekImage(data=pixels, header={"BYTE_ORDER": order, "PIXEL_SIZE": "0.1"}).write("mask.img")
    with fabio.open("mask.img") as image:
        assert image.data.dtype == dtype
    header = read_smv_header("mask.img")
    assert np.array_equal(read_pixels(header), pixels)
    assert np.array_equal(read_mask(header), pixels != 0)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_packed_mask_is_a_mask(pack):
    assert main([*SMALL.split(), "-intfile", "a.img"]) == 0
    Path("packed.img").write_bytes(pack(Path("a.img").read_bytes()))
    detector = configs("-cell 100 -default_F 100 -mask packed.img")[1]
    assert detector.mask.all()
    assert (detector.n_fast, detector.n_slow) == (24, 16)


def test_a_pgm_image_is_scaled_and_clipped():
    assert main([*SMALL.split(), "-pgmfile", "a.pgm", "-pgmscale", "3"]) == 0
    raw = np.fromfile("floatimage.bin", np.float32)
    head, size, comment, top, pixels = Path("a.pgm").read_bytes().split(b"\n", 4)
    assert (head, size, top) == (b"P5", b"24 16", b"255")
    assert b"3" in comment
    assert np.array_equal(np.frombuffer(pixels, np.uint8), np.minimum(raw * 3.0, 255).astype(np.uint8))


def test_the_reference_programs_header_byte_for_byte():
    """Six digits, a line without its semicolon, keys in order (as its description lists them)."""
    line = "--compat -cell 100 -default_F 100 -N 5 -detpixels 32 -oversample 1 -nonoise"
    assert main(line.split()) == 0
    want = (
        "{\nHEADER_BYTES=512;\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\nSIZE1=32;\nSIZE2=32;\n"
        "PIXEL_SIZE=0.1;\nDISTANCE=100;\nWAVELENGTH=1;\nBEAM_CENTER_X=1.65;\nBEAM_CENTER_Y=1.65;\n"
        "ADXV_CENTER_X=1.7;\nADXV_CENTER_Y=1.5;\nMOSFLM_CENTER_X=1.65;\nMOSFLM_CENTER_Y=1.65;\n"
        "DENZO_X_BEAM=1.7;\nDENZO_Y_BEAM=1.7;\nDIALS_ORIGIN=-1.7,1.7,-100\nXDS_ORGX=17.5;\nXDS_ORGY=17.5;\n"
        "CLOSE_DISTANCE=100;\nPHI=0;\nOSC_START=0;\nOSC_RANGE=0;\nTWOTHETA=0;\nDETECTOR_SN=000;\nBEAMLINE=fake;\n}\n\f"
    )
    assert Path("intimage.img").read_bytes()[:512] == want.encode().ljust(512)


@pytest.mark.parametrize("convention", ["mosflm", "denzo", "adxv", "xds", "dials"])
@pytest.mark.parametrize("moved", ["", "-twotheta 5", "-twotheta 5 -pivot sample -detector_rotx 3"])
def test_a_header_gives_the_detector_back(convention, moved):
    centre = "-ORGX 7 -ORGY 9" if convention in ("xds", "dials") else "-Xbeam 0.7 -Ybeam 1.1"
    line = f"{SMALL} -{convention} -distance 83 {centre} {moved} -lambda 1.3 -phi 2"
    assert main([*line.split(), "-intfile", "a.img"]) == 0
    again = f"-cell 100 -default_F 100 -N 5 -{convention} -img a.img " + moved.replace("-twotheta 5", "")
    before, after = configs(line), configs(again)

    first, second = (gb.Detector(one[1]).geometry(beam_direction=one[2].direction) for one in (before, after))
    for name in ("pix0", "fast", "slow", "normal", "close_distance"):
        assert torch.allclose(getattr(first, name), getattr(second, name), rtol=1e-12, atol=1e-14), name
    assert after[2].wavelength_angstrom == 1.3
    assert (after[0].phi_start_deg, after[0].phi_steps) == (2.0, 1)
    assert (after[1].n_fast, after[1].n_slow) == (24, 16)


def test_a_distance_on_the_line_beats_the_headers_close_distance():
    assert main([*SMALL.split(), "-twotheta", "5", "-intfile", "a.img"]) == 0
    detector = configs("-cell 100 -default_F 1 -img a.img -distance 200")[1]
    assert (detector.distance_mm, detector.close_distance_mm) == (200.0, None)


def test_the_direct_beam_is_where_the_detector_is_hit():
    crystal, detector, beam, _ = configs(SMALL + "-twotheta 20 -pivot sample")
    header = image_header(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam))
    geometry = gb.Detector(detector).geometry()
    spot = geometry.pix0 + header.spot_mm[0] * 1e-3 * geometry.fast + header.spot_mm[1] * 1e-3 * geometry.slow
    assert spot.tolist() == pytest.approx([header.distance_mm * 1e-3, 0, 0], abs=1e-15)
