"""Files that the reference program stumbles over: each is an error of one line that names the file, and the line
where there are lines, or is read as it was meant."""

from pathlib import Path

import numpy as np
import pytest

from gradbragg.cli import main

RUN = ["-cell", "100", "-detpixels", "4", "-oversample", "1", "-lambda", "6"]
JUNK = "hello world " * 50

BAD = {
    "a list with a header line": ("-hkl", "h k l F\n0 0 0 1\n", "bad:1: 'h k l F' is not h k l F"),
    "a list of three columns": ("-hkl", "0 0 0 1\n1 2 3\n", "bad:2: '1 2 3'"),
    "an empty list": ("-hkl", "\n", "bad: holds no reflection"),
    "a list that is binary": ("-hkl", b"\xff\x00", "bad: is not a text file"),
    "a dump that is a list": ("-dump", "0 0 0 1\n1 1 1 5\n", "bad:1: is no structure factor dump"),
    "a dump cut off": ("-dump", b"0 0 0 0 0 0\n\x0c" + bytes(20), "bad: 64 bytes are needed"),
    "a matrix with a word": ("-mat", "1 0 0\n0 one 0\n0 0 1\n", "bad:2: '0 one 0'"),
    "a short matrix": ("-mat", "1 0 0\n0 1 0\n", "bad:2: nine finite numbers are needed, 6 are there"),
    "a flat matrix": ("-mat", "1 1 1 1 1 1 1 1 1\n", "bad: the matrix spans no volume"),
    "sources with a word": ("-sourcefile", "-1 0 0\n-1 0 x\n", "bad:2: '-1 0 x'"),
    "a source at the sample": ("-sourcefile", "0 0 0 1 1e-10\n", "bad:1:"),
    "no source": ("-sourcefile", "# none\n", "bad: holds no source"),
    "a header that is junk": ("-img", JUNK, "bad: is not an SMV image"),
    "a mask that is junk": ("-mask", JUNK, "bad: is not an SMV image"),
    "a header without end": ("-img", "{\nHEADER_BYTES=512;\nSIZE1=4;", "bad: the header has no closing brace"),
    "a header with a word": ("-img", "{\nHEADER_BYTES=512;\nDISTANCE=far;\n}", "bad: DISTANCE is 'far', not a number"),
    "a header with nan": ("-img", "{\nHEADER_BYTES=512;\nDISTANCE=nan;\n}", "bad: DISTANCE is 'nan', not a number"),
    "a mask cut off": ("-mask", "{\nHEADER_BYTES=512;\nSIZE1=4;\nSIZE2=4;\n}", "bad: 4 x 4 pixels of 2 bytes"),
    "an mtz that is junk": ("--mtz", JUNK, "bad: is not an MTZ file"),
    "a cif that is junk": ("--cif", JUNK, "bad: cannot be read as CIF"),
    "a model that is junk": ("--pdb", JUNK, "bad: "),
    "a packed list cut off": ("-hkl", b"\x1f\x8b\x08", "bad: cannot be unpacked"),
}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("flag", "content", "message"), BAD.values(), ids=BAD)
def test_a_bad_file_is_an_error_of_one_line(flag, content, message, capsys):
    Path("bad").write_bytes(content if isinstance(content, bytes) else content.encode())
    argv = [word for word in RUN if not (flag == "-mat" and word in ("-cell", "100"))]
    default = [] if flag in ("-hkl", "-dump", "--mtz", "--cif", "--pdb") else ["-default_F", "10"]
    assert main([*argv, flag, "bad", *default]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"gradbragg: error: {message}")
    assert err.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["bad"]


@pytest.mark.parametrize("flag", ["-hkl", "-dump", "-mat", "-sourcefile", "-mask", "-img", "--mtz", "--cif", "--pdb"])
def test_a_missing_file_is_an_error_with_its_name(flag, capsys):
    assert main([*RUN, "-default_F", "10", flag, "nowhere"]) == 1
    assert "nowhere: cannot be read (No such file or directory)" in capsys.readouterr().err


def total(line):
    assert main([*RUN, *line.split()]) == 0
    image = np.fromfile("floatimage.bin", np.float32)
    assert np.isfinite(image).all()
    return image.sum()


def test_comments_extra_columns_and_windows_line_ends_in_a_list_are_read_as_they_are_meant():
    Path("plain.hkl").write_text("0 0 0 10\n0 0 1 20\n")
    Path("rich.hkl").write_bytes(b"# a list\r\n0 0 0 10 0.5\r\n\r\n0 0 1 20 0.5 # weak")
    assert total("-hkl rich.hkl") == total("-hkl plain.hkl")


def test_source_weights_count():
    for name, weight in (("a", 5), ("b", 1)):
        Path(name).write_text(f"# two sources\n-1 0 0 {weight} 6e-10\n-1 0.01 0 1 6e-10")
    assert total("-default_F 10 -sourcefile a") != total("-default_F 10 -sourcefile b")
