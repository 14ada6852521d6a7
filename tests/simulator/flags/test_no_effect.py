"""A flag that does nothing beside the others says so; the image is what it is without it."""

import warnings

import numpy as np
import pytest

import gradbragg as gb
from gradbragg.flags.no_effect import _OPEN_BELOW_0, RULES
from gradbragg.flags.table import FLAGS
from tests.support.simulator.images import image_of

BASE = "-cell 50 60 70 80 95 100 -default_F 10 -N 3 -detpixels 4 -oversample 1 "

LINES = {
    "-fdet_vector 0 1 0 -xds": "-fdet_vector has no effect in the xds convention",
    "-pix0_vector 0 0 1 -denzo": "-pix0_vector has no effect in the denzo convention",
    "-adxv -Xclose 3": "-Xclose has no effect in the adxv convention",
    "-ORGX 3": "-ORGX has no effect in the mosflm convention unless -pivot is sample",
    "-pix0_vector 0.1 0 0 -distance 80": "-distance has no effect with -pix0_vector",
    "-close_distance 90 -distance 80": "-distance has no effect with -close_distance",
    "-detsize 10": "-detsize has no effect beside the count of pixels",
    "-fudge 2": "-fudge has no effect with a square crystal",
    "-mosaic_domains 5": "-mosaic_domains has no effect without -mosaic",
    "-misset_seed 5": "-misset_seed has no effect without -misset random",
    "-interpolate": "-interpolate has no effect without a list of reflections",
    "-xtalsize 0.00002 -Na 7": "-Na has no effect with a crystal size along all axes",
    "-exposure 3": "-exposure has no effect without -flux",
    "-flux 1e20 -fluence 3": "-fluence has no effect with -flux",
    "-beamsize 2": "-beamsize has no effect without -flux or a crystal size",
    "-sourcefile SOURCES -dispersion 3": "-dispersion has no effect with -sourcefile",
    "-hdivrange 3 -square_div": "-square_div has no effect without divergence both ways",
    "-detector_abs 100": "-detector_abs has no effect without -detector_thick",
    "-detector_thick 9 -detector_abs inf": "-detector_thick has no effect with an infinite -detector_abs",
    "-oversample_omega": "-oversample_omega has no effect without --compat",
    "--column F": "--column has no effect without --mtz or --cif",
    "--resolution 2": "--resolution has no effect without --pdb",
}


@pytest.fixture
def sources(tmp_path):
    path = tmp_path / "sources"
    path.write_text("-1 0 0\n")
    return str(path)


def warned(line):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        image = image_of(line)
    return [str(one.message) for one in caught], image


@pytest.mark.parametrize("line", LINES)
def test_a_flag_without_effect_is_named_with_the_reason(line, sources):
    found, image = warned(BASE + line.replace("SOURCES", sources))
    assert any(text.startswith(LINES[line]) for text in found)
    # and it is true: without it the image is the same
    flag = LINES[line].split()[0]
    words = (BASE + line.replace("SOURCES", sources)).split()
    at = words.index(flag)
    after = next((i for i in range(at + 1, len(words)) if words[i].startswith("-")), len(words))
    assert np.array_equal(image, image_of_quietly(words[:at] + words[after:]))


def image_of_quietly(words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gb.FlagWarning)
        return image_of(words)


@pytest.mark.parametrize("flag", _OPEN_BELOW_0.split())
def test_a_negative_value_that_leaves_a_flag_open_says_so(flag, recwarn):
    image = image_of(f"{BASE} {flag} -1")
    texts = [str(one.message) for one in recwarn]
    assert f"{flag} -1 has no effect: a value below 0 means that it is left open" in texts
    assert np.array_equal(image, image_of(BASE))


@pytest.mark.parametrize(
    "line",
    [
        "-fdet_vector 0 1 0",
        "-pivot sample -ORGX 3",
        "-xds -ORGX 3",
        "-round_xtal -fudge 2",
        "-mosaic 1 -mosaic_domains 2 -mosaic_seed 3",
        "-misset random -misset_seed 3",
        "-flux 1e20 -exposure 2 -beamsize 2",
        "-sample_y 0.00002 -beamsize 0.00001",
        "-divergence 1 -divsteps 2 -square_div",
        "-detector_thick 100 -detector_abs 200 -detector_thicksteps 2",
        "-close_distance 80",
    ],
)
def test_what_has_an_effect_does_not_warn(line):
    assert warned(BASE + line)[0] == []


def test_every_rule_is_about_flags_that_exist_and_is_tried():
    known = {flag.name for flag in FLAGS}
    tried = {(text.split()[0], text.split(" no effect ")[1]) for text in LINES.values()}
    for rule in RULES:
        assert set(rule.flags.split()) <= known
        reason = rule.because.split("{")[0].split(":")[0]
        assert any(flag in rule.flags.split() and why.startswith(reason) for flag, why in tried), rule
