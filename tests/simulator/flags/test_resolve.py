"""Flags and headers to configurations."""

import pytest
import torch

import gradbragg as gb
from gradbragg.flags.resolve import resolve

BASE = "-cell 100 -default_F 1 "


def configs(line):
    return gb.configs_from_flags((BASE + line).split())


def test_a_cell_of_one_number_is_cubic():
    crystal = configs("")[0]
    assert (crystal.cell_b, crystal.cell_c, crystal.cell_alpha, crystal.cell_gamma) == (100.0, 100.0, 90.0, 90.0)


def test_the_last_of_two_flags_counts():
    crystal, _, beam, _ = configs("-N 3 -Na 5 -energy 12398.42 -lambda 2 -polar 0.5 -nopolar -mosaic 1 -N 4")
    assert crystal.n_cells == (4.0, 4.0, 4.0)
    assert beam.wavelength_angstrom == 2.0
    assert not beam.polarized


def test_energy_becomes_wavelength():
    assert configs("-energy 6199.21")[2].wavelength_angstrom == pytest.approx(2.0)


@pytest.mark.filterwarnings("ignore::gradbragg.FlagWarning")
@pytest.mark.parametrize(
    ("line", "convention", "pivot"),
    [
        ("", "mosflm", None),
        ("-xds", "xds", None),
        ("-xds -fdet_vector 1 0 0", "custom", "sample"),
        ("-fdet_vector 1 0 0 -xds", "xds", None),
        ("-fdet_vector 1 0 0 -Xbeam 3", "custom", "beam"),
        ("-fdet_vector 1 0 0 -Xbeam 3 -twotheta 0", "custom", "sample"),
        ("-fdet_vector 1 0 0 -twotheta 0 -pivot beam", "custom", "beam"),
        ("-pivot sample", "mosflm", "sample"),
    ],
)
def test_convention_and_pivot_follow_the_order_of_the_flags(line, convention, pivot):
    detector = configs(line)[1]
    assert (detector.convention, detector.pivot) == (convention, pivot)


@pytest.mark.filterwarnings("ignore::gradbragg.FlagWarning")
def test_in_compat_a_pivot_has_no_effect_in_a_named_convention():
    assert configs("--compat -pivot sample")[1].pivot is None


@pytest.mark.filterwarnings("ignore::gradbragg.FlagWarning")
def test_vectors_are_dropped_by_a_named_convention_and_kept_by_custom():
    assert configs("-fdet_vector 1 0 0 -xds")[1].fast_axis is None
    detector = configs("-fdet_vector 1 0 0 -xds -sdet_vector 0 1 0")[1]
    assert (detector.fast_axis, detector.slow_axis) == ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


@pytest.mark.filterwarnings("ignore::gradbragg.FlagWarning")
@pytest.mark.parametrize(
    ("line", "pixels", "edges"),
    [
        ("", (1024, 1024), (102.4, 102.4)),
        ("-detsize 50 -pixel 0.3", (167, 167), (50.0, 50.0)),
        ("-detpixels 64", (64, 64), None),
        ("-detpixels_f 64 -detsize_s 3.2", (64, 32), (None, 3.2)),
        ("-detpixels 64 -detsize 99", (64, 64), None),
    ],
)
def test_pixel_counts_beat_detector_sizes(line, pixels, edges):
    detector = configs(line)[1]
    assert (detector.n_fast, detector.n_slow) == pixels
    assert detector.detector_size_mm == edges


def test_the_default_beam_centre_is_left_to_the_model():
    assert configs("-detpixels 64")[1].beam_center_mm is None
    assert configs("-detpixels 64 -Xbeam 3")[1].beam_center_mm == (3.0, None)


def test_a_beam_centre_in_xds_warns():
    with pytest.warns(gb.FlagWarning, match="-Xbeam has no effect in the xds convention"):
        assert configs("-xds -Xbeam 1")[1].beam_center_mm is None


def test_crystal_edges_across_the_beam_are_cut_to_it():
    assert configs("-xtalsize 0.2")[0].crystal_size_mm == (0.2, 0.1, 0.1)
    assert configs("-xtalsize 0.2 -beamsize 0")[0].crystal_size_mm == (0.2, None, None)


def test_the_seeded_random_misset_of_compat_is_the_noted_one():
    line = "--compat -misset_seed 5 -misset random"
    assert configs(line)[0].misset_deg == pytest.approx((142.144470, 55.074207, 35.266329), abs=5e-7)


def test_in_compat_a_seed_with_two_words_after_it_is_taken_for_the_angles():
    assert configs("--compat -misset random -misset_seed 5 -phi 0 -osc 0")[0].misset_deg == (5.0, 0.0, 0.0)
    assert configs("-misset random -misset_seed 5 -phi 0 -osc 0")[0].misset_deg != (5.0, 0.0, 0.0)


def test_the_table_of_divergence_in_compat_and_by_default():
    assert configs("--compat -hdivsteps 5")[2].hdiv_range_mrad == pytest.approx(1000.0)
    with pytest.raises(gb.UsageError, match="-hdivsteps 5 needs a range"):
        configs("-hdivsteps 5")
    assert configs("-divsteps 1")[2].hdiv_steps == 1


def test_run_settings():
    run = configs("--dtype float64 -oversample 3 -roi 1 2 3 4 -dmin 2 --block-steps 99 -detpixels 9")[3]
    assert run.dtype == torch.float64
    assert run.oversample == 3
    assert run.roi == gb.Roi(1, 2, 3, 4)
    assert run.dmin_angstrom == 2.0
    assert run.block_steps == 99


def test_origins_tell_where_a_setting_came_from(tmp_path):
    path = tmp_path / "a.img"
    path.write_text("{\nHEADER_BYTES=512;\nSIZE1=8;\nSIZE2=6;\nDISTANCE=60;\n}\n".ljust(512))
    origins = resolve([*BASE.split(), "-img", str(path), "-energy", "12000"]).origins
    assert origins["-lambda"] == "flag -energy"
    assert origins["DISTANCE"] == f"header -img {path}"
    assert origins["-pixel"] == "default"


BAD = {
    "no cell": ("-default_F 1", "no unit cell"),
    "no structure factors": ("-cell 100", "the image would be blank"),
    "F of 0": ("-cell 100 -default_F 0", "the image would be blank"),
    "a cell of 0": ("-cell 100 0 100 -default_F 1", "values above 0"),
    "an impossible cell": ("-cell 50 50 50 30 30 100 -default_F 1", "no cell has the angles"),
    "no cells": (BASE + "-N 0", "-N needs 1 or more"),
    "no wavelength": (BASE + "-lambda 0", "wavelength needs to be above 0"),
    "no energy": (BASE + "-energy 0", "-energy needs"),
    "negative energy": (BASE + "-energy -5", "-energy needs a value above 0 eV, got -5"),
    "a flux without time": (BASE + "-flux 1e12 -exposure 0", "-flux needs an -exposure above 0"),
    "more than polarized": (BASE + "-polar 5", "-polar needs a value from -1 to 1"),
    "no pixels": (BASE + "-detpixels -5", "-detpixels_f needs 1 to"),
    "too many pixels": (BASE + "-detpixels 1000000000", "-detpixels_f needs 1 to"),
    "too many pixels by size": (BASE + "-detsize 1e9", "makes 10000000000 pixels"),
    "too many pixels altogether": (BASE + "-detpixels 100000", "are more than"),
    "a pixel of no size": (BASE + "-pixel 0", "-pixel needs a size above 0"),
    "no subpixels": (BASE + "-oversample 0", "-oversample needs 1 or more"),
    "an unknown dtype": (BASE + "--dtype float16", "--dtype needs one of float32, float64"),
    "an unknown device": (BASE + "--device abacus", "device is 'abacus', which cannot be used here"),
    "an unknown pivot": (BASE + "-pivot detector", "-pivot needs the word sample or beam"),
    "an empty region": (BASE + "-roi 9 3 0 5", "holds no pixel"),
    "a sensor that stops nothing": (BASE + "-detector_abs inf -detector_thick 100", "finite -detector_abs"),
    "a negative depth": (BASE + "-detector_thick 100 -detector_abs -3", "-detector_abs needs a depth above 0"),
    "too many subpixels": (BASE + "-oversample 99999", "oversample is 99999"),
    "too many orientations": (BASE + "-phi 0 -osc 1 -phisteps 10000 -mosaic 1 -mosaic_domains 10000", "times"),
    "too many sources": (BASE + "-divergence 1 -divsteps 9999", "times"),
    "too many layers": (BASE + "-detector_thick 1 -thicksteps 1099511627776", "thickness_steps is 1099511627776"),
    "a tiny step": (BASE + "-divergence 4 -hdivstep 2.3e-308", "hdiv_steps times"),
    "a tiny phi step": (BASE + "-osc 4 -phistep 2.3e-308", "phi_steps times"),
    "negative light": (BASE + "-fluence -1", "fluence is -1"),
    "a negative sensor": (BASE + "-detector_thick -1", "thickness_um is -1"),
    "a negative fudge": (BASE + "-round_xtal -fudge -1", "fudge is -1"),
    "a beam of no size": (BASE + "-flux 1e12 -beamsize 0", "-beamsize above 0"),
}


@pytest.mark.parametrize(("line", "message"), BAD.values(), ids=BAD)
def test_settings_that_make_no_image_are_errors_that_say_why(line, message):
    with pytest.raises(gb.GradBraggError, match=message):
        gb.configs_from_flags(line.split())


HEADER = (
    "{\nHEADER_BYTES=512;\nSIZE1=8;\nSIZE2=6;\nPIXEL_SIZE=0.2;\nDISTANCE=60;\nWAVELENGTH=1.5;\n"
    "BEAM_CENTER_X=0.5;\nBEAM_CENTER_Y=0.4;\nCLOSE_DISTANCE=59;\nPHI=3;\nOSC_RANGE=0;\nTWOTHETA=7;\n}\n"
)


@pytest.fixture
def header(tmp_path):
    path = tmp_path / "a.img"
    path.write_bytes(HEADER.encode().ljust(512) + b"\x01\x00" * 48)
    return str(path)


def test_a_header_sets_what_flags_leave_open(header):
    crystal, detector, beam, _ = configs(f"-img {header} -lambda 2")
    assert (detector.n_fast, detector.n_slow, detector.pixel_size_mm) == (8, 6, 0.2)
    assert (detector.distance_mm, detector.close_distance_mm, detector.twotheta_deg) == (60.0, None, 7.0)
    assert configs(f"-img {header} -xds")[1].close_distance_mm == 59.0
    assert detector.beam_center_mm == (0.5, 0.4)
    assert beam.wavelength_angstrom == 2.0
    assert (crystal.phi_start_deg, crystal.phi_steps) == (3.0, 1)


def test_in_compat_headers_are_misread_as_the_reference_program_does(header):
    crystal, detector, beam, _ = configs(f"--compat -mask {header}")
    assert detector.distance_mm == 59.0
    assert detector.twotheta_deg == 0.0
    assert detector.beam_center_mm == pytest.approx((0.5, 0.8))
    assert crystal.phi_steps == 2
    assert beam.wavelength_angstrom == 1.5
    assert detector.mask is not None
