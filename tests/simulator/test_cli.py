"""The command, from its line to its files."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gradbragg.cli import main
from gradbragg.flags.table import FLAGS
from gradbragg.simulation.simulator import Simulator

fabio = pytest.importorskip("fabio")
h5py = pytest.importorskip("h5py")

SMALL = ["-cell", "100", "-default_F", "100", "-N", "5", "-detpixels", "16", "-oversample", "1"]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_an_image_and_a_preview_are_written(capsys):
    assert main([*SMALL, "-floatfile", "a.bin", "--png", "a.png"]) == 0
    image = np.fromfile("a.bin", np.float32)
    assert image.size == 256
    with Image.open("a.png") as preview:
        assert preview.size == (16, 16)
    out, err = capsys.readouterr()
    assert "wrote a.bin" in out
    assert "wrote a.png" in out
    assert f"{image.max():.6g}" in out
    assert err == ""


def test_the_raw_image_has_the_reference_programs_default_name():
    assert main(SMALL) == 0
    assert np.fromfile("floatimage.bin", np.float32).size == 256


def test_only_what_was_asked_for_is_written_and_compat_writes_the_reference_programs_set():
    assert main([*SMALL, "-intfile", "a.img"]) == 0
    assert sorted(path.name for path in Path().iterdir()) == ["a.img", "floatimage.bin"]
    assert main([*SMALL, "--compat"]) == 0
    assert {"floatimage.bin", "intimage.img", "noiseimage.img", "image.pgm"} < {path.name for path in Path().iterdir()}


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("--compat -nonoise -nopgm", {"intimage.img"}),
        ("--compat -nonoise -noisefile b.img -pgmfile c.pgm -nopgm", {"intimage.img", "b.img"}),
        ("-nonoise", set()),
        ("-pgmscale 2", {"image.pgm"}),
        ("-noisefile b.img", {"b.img"}),
        ("-noisefile b.img -nonoise", set()),
    ],
)
def test_the_last_of_the_flags_about_a_file_decides(line, files):
    assert main([*SMALL, *line.split()]) == 0
    assert {path.name for path in Path().iterdir()} == files | {"floatimage.bin"}


def test_one_pixel_can_be_printed(capsys):
    assert main([*SMALL, "-printout_pixel", "3", "5"]) == 0
    image = np.fromfile("floatimage.bin", np.float32).reshape(16, 16)
    heading, line, *_ = capsys.readouterr().out.splitlines()
    pixel = dict(zip(heading.split(), line.split(), strict=True))
    assert (pixel["fast"], pixel["slow"]) == ("3", "5")
    assert float(pixel["photons"]) == pytest.approx(image[5, 3])
    assert float(pixel["x[m]"]) == 0.1
    # the beam is along x, a cubic cell of 100 A: d = 100/|hkl| and Bragg's law
    norm = sum(float(pixel[i]) ** 2 for i in "hkl") ** 0.5
    assert float(pixel["d[A]"]) == pytest.approx(100.0 / norm, rel=1e-4)


def test_every_pixel_inside_the_region_can_be_printed(capsys):
    assert main([*SMALL, "-printout", "-roi", "2", "4", "7", "8"]) == 0
    assert len([line for line in capsys.readouterr().out.splitlines() if line[0].isdigit()]) == 6


def test_many_runs_in_one_process_are_independent():
    assert main([*SMALL, "-floatfile", "1.bin"]) == 0
    assert main([*SMALL, "--compat", "-xds", "-mosaic", "1", "-floatfile", "2.bin"]) == 0
    assert main([*SMALL, "-floatfile", "3.bin"]) == 0
    first, second, third = (np.fromfile(f"{i}.bin", np.float32) for i in (1, 2, 3))
    assert np.array_equal(first, third)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["-cell", "100"], 2, "no structure factors, the image would be blank"),
        (["--compat", "-cell", "100"], 9, "no structure factors"),
        (["--compat", "-default_F", "1"], 9, "no unit cell"),
        ([*SMALL, "-nonsense"], 2, "unknown flag -nonsense"),
        ([*SMALL, "-hkl", "nowhere.hkl"], 1, "nowhere.hkl: cannot be read"),
        (["--compat", *SMALL, "-hkl", "nowhere.hkl"], 9, "nowhere.hkl: cannot be read"),
        ([*SMALL, "-floatfile", "no/such/folder.bin"], 1, "cannot be written"),
        ([*SMALL, "-distance", "0"], 2, "distance_mm is 0; a value above 0"),
        ([*SMALL, "-distance", "-80"], 2, "distance_mm is -80; a value above 0"),
        ([*SMALL, "-close_distance", "-80"], 2, "close_distance_mm is -80; a value above 0"),
        ([*SMALL, "--json", "-N", "3"], 2, "--json needs a file name, got -N"),
        ([*SMALL, "-pix0_vector", "0", "0", "0"], 2, "pix0_mm is 0 0 0"),
        ([*SMALL, "-intfile", "a", "-noisefile", "a"], 2, "-intfile and -noisefile both name a"),
        ([*SMALL, "-printout_pixel", "16", "0"], 2, "-printout_pixel 16 0 is not on a detector of 16 x 16"),
        ([*SMALL, "-fluence", "1e300", "-N", "100000"], 1, "are not finite"),
        ([*SMALL[:-2], "-lambda", "1e-200"], 2, "subpixels would be needed along each edge"),
        ([*SMALL, "-beam_vector", "0", "0", "0"], 2, "direction is 0 0 0; a direction is needed"),
    ],
)
def test_an_error_is_one_line_and_a_code(argv, code, message, capsys):
    assert main(argv) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(message, err)
    assert err.startswith("gradbragg: error: ")
    assert err.count("\n") == 1


def test_an_image_without_structure_factors_says_so_in_its_metadata(capsys):
    """A list can hold nothing but zeros."""
    Path("zeros.hkl").write_text("0 0 0 0\n1 0 0 0\n")
    line = "-cell 100 -N 3 -detpixels 4 -hkl zeros.hkl -intfile a.img -noisefile n.img --nexus a.nxs --json a.json"
    assert main(line.split()) == 0
    note = "the crystal has no structure factor other than 0"
    assert f"gradbragg: warning: {note}" in capsys.readouterr().err
    for name in ("a.img", "n.img"):
        with fabio.open(name) as image:
            assert image.header["COMMENT"].startswith(note)
    with h5py.File("a.nxs") as file:
        assert file["/entry/data/data"].attrs["comment"].startswith(note)
    assert json.loads(Path("a.json").read_text())["warnings"][0].startswith(note)
    for name in ("a.img", "a.nxs"):
        assert main(["view", name]) == 0
        assert note in Path(f"{name}.html").read_text()


@pytest.mark.parametrize(
    "line", ["-hkl far.hkl", "-default_F 9 -dmin 1e6", "-default_F 9 -pix0_vector 0 0 0.1 -point_pixel -dmin 9e9"]
)
def test_a_blank_image_is_never_silent(line, capsys):
    Path("far.hkl").write_text("90 90 90 5\n")
    assert main(["-cell", "100", "-detpixels", "4", "-N", "3", *line.split(), "--json", "a.json"]) == 0
    assert not np.fromfile("floatimage.bin", np.float32).any()
    assert "warning: every pixel is 0: no reflection with a structure factor is in reach" in capsys.readouterr().err
    assert any("every pixel is 0" in text for text in json.loads(Path("a.json").read_text())["warnings"])


def test_an_image_with_structure_factors_has_no_such_note():
    assert main([*SMALL, "-intfile", "a.img", "--nexus", "a.nxs", "--json", "a.json"]) == 0
    with fabio.open("a.img") as image:
        assert "COMMENT" not in image.header
    with h5py.File("a.nxs") as file:
        assert "comment" not in file["/entry/data/data"].attrs
    assert json.loads(Path("a.json").read_text())["warnings"] == []
    assert main(["view", "a.img"]) == 0
    assert 'class="remark"' not in Path("a.img.html").read_text()


def test_a_lack_of_memory_is_an_error_of_one_line(monkeypatch, capsys):
    def fail(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Simulator, "run", fail)
    assert main(SMALL) == 1
    assert "there is not enough memory" in capsys.readouterr().err


def test_a_region_without_pixels_is_blank_in_compat():
    assert main([*SMALL, "--compat", "-roi", "0", "0", "1000", "0"]) == 0
    assert not np.fromfile("floatimage.bin", np.float32).any()


def test_debug_shows_where_an_error_came_from(capsys):
    assert main(["-cell", "100", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_flag_without_effect_warns_and_goes_on(capsys):
    assert main([*SMALL, "-coherent", "-xds", "-Xbeam", "1"]) == 0
    err = capsys.readouterr().err
    assert "gradbragg: warning: -coherent has no effect\n" in err
    assert "gradbragg: warning: -Xbeam has no effect in the xds convention" in err


@pytest.mark.parametrize(
    ("flags", "warned"),
    [("-scale 2", "-scale"), ("-seed 2 -adc 3 -intfile a.img", "-seed"), ("-noisefile a -adc 3", "")],
)
def test_a_setting_of_a_file_that_is_not_written_warns(flags, warned, capsys):
    assert main([*SMALL, *flags.split()]) == 0
    assert re.findall(r"warning: (-\w+) has no effect without", capsys.readouterr().err) == warned.split()


def test_help_and_version(capsys):
    assert main(["--help"]) == 0
    assert "--compat" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert re.match(r"gradbragg \d+\.\d+", capsys.readouterr().out)
    assert main([]) == 2
    assert "usage" in capsys.readouterr().out


def test_the_module_runs_as_a_command():
    done = subprocess.run([sys.executable, "-m", "gradbragg", *SMALL], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "max_I" in done.stdout


NUMBER = st.one_of(st.floats(-10, 200), st.sampled_from([0.0, -1.0, 90.0, 180.0, 1e-3, 1e6, 1e-30, 1e30])).map(
    lambda x: f"{x:.6g}"
)
COUNT = st.one_of(st.integers(-2, 4), st.sampled_from([1000, -(2**31), 2**40])).map(str)
DRAWN_ELSEWHERE = ("-detpixels", "-floatfile", "--compat", "--device", "--debug", "--help", "--version")
WRITTEN = {"-intfile": "i.img", "-noisefile": "n.img", "-pgmfile": "p.pgm", "--png": "p.png", "--nexus": "x.nxs"}
WORDS = {"-pivot": ("sample", "beam", "x"), "--dtype": ("float64", "float16"), "--precision": ("single", "mixed")}


def piece_of(flag):
    """What a flag can be given with, sense or nonsense."""
    if flag.name in WRITTEN:
        values = [st.just(WRITTEN[flag.name])]
    elif flag.kind == "file":
        values = [st.sampled_from(["nowhere", "junk", "junk.bin"])]
    elif flag.kind == "word":
        values = [st.sampled_from(WORDS.get(flag.name, ("x",)))]
    else:
        values = [COUNT if flag.kind == "count" else NUMBER] * flag.args
    return st.tuples(st.just(flag.name), *values)


PIECES = st.one_of(*(piece_of(flag) for flag in FLAGS if flag.name not in DRAWN_ELSEWHERE))
TOO_MUCH = {"-samplesize", "-sample_thick", "-sample_width", "-sample_height", "-phistep", "-hdivstep", "-vdivstep"}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, max_size=6), compat=st.booleans())
def test_a_line_gives_a_finite_image_or_an_error_and_never_a_traceback(pieces, compat):
    Path("junk").write_text("hello world\n1 2 three\n")
    Path("junk.bin").write_bytes(bytes(range(256)))
    # small enough to be quick whatever is drawn
    argv = ["-cell", "50", "-default_F", "10", *(word for piece in pieces for word in piece)]
    argv += ["-detpixels", "3", *(["--compat"] if compat else []), "-floatfile", "out.bin"]
    if TOO_MUCH & set(argv) or "-oversample" not in argv or "1000" in argv:
        argv += ["-oversample", "1"]
    if "1000" in argv:
        argv += ["-mosaic_domains", "2", "-phisteps", "2", "-dispsteps", "2", "-divsteps", "2", "-thicksteps", "2"]
        argv += ["-hdivsteps", "2", "-vdivsteps", "2"]

    code = main(argv)

    assert code in ((0, 9) if compat else (0, 1, 2))
    if code == 0:
        image = np.fromfile("out.bin", np.float32)
        assert np.isfinite(image).all()
        assert compat or image.min() >= 0.0
