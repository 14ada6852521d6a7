"""Reading lists, matrices and headers, and writing images."""

import bz2
import contextlib
import gzip
import struct

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import gradbragg as gb
from gradbragg.io.atomic import write_atomically
from gradbragg.io.float_image import write_float_image
from gradbragg.io.hkl_text import read_hkl
from gradbragg.io.matrix_file import read_matrix
from gradbragg.io.png import gray_levels, write_png
from gradbragg.io.smv import read_mask, read_smv_header
from gradbragg.io.source_file import read_sources


@pytest.fixture
def write(tmp_path):
    def make(content, name="file"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def test_a_list_becomes_a_table_with_its_origin(write):
    table = read_hkl(write("# comment\n0 0 0 1.5\n\n0 -1 2 4 0.1 # sigma\n1 0 0 -2\n1 0 0 -3\n"))
    assert table.origin == (0, -1, 0)
    assert tuple(table.F_hkl.shape) == (2, 2, 3)
    assert table.F_hkl[0, 1, 0] == 1.5
    assert table.F_hkl[0, 0, 2] == 4.0
    assert table.F_hkl[1, 1, 0] == -3.0
    assert table.known is not None
    assert table.known.sum() == 3
    assert table.upper == (1, 0, 2)


def test_in_compat_a_list_is_a_stream_of_quadruples(write):
    table = read_hkl(write("0 0 0 1 1\n0 0 2 end 3"), token_stream=True)
    assert table.F_hkl.flatten()[0] == 1.0
    assert table.F_hkl[1, 0, 0] == 2.0


BAD_LISTS = {
    "empty": ("", "holds no reflection"),
    "a header line": ("h k l F\n0 0 0 1\n", r"file:1: 'h k l F' is not h k l F"),
    "three columns": ("0 0 0 1\n1 2 3\n", r"file:2: '1 2 3': whole h k l"),
    "half indices": ("0 0.5 0 1\n", "whole h k l"),
    "not a number": ("0 0 0 nan\n", "finite F"),
    "far apart": ("0 0 0 1\n99999 99999 99999 1\n", "more than"),
    "binary": (b"\x00\x01\x02\xff", "is not a text file"),
}


@pytest.mark.parametrize(("content", "message"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_bad_list_is_an_error_with_its_file_and_line(write, content, message):
    with pytest.raises(gb.FileError, match=message):
        read_hkl(write(content))


@pytest.mark.parametrize("reader", [read_hkl, read_matrix, read_smv_header])
def test_a_missing_file_is_an_error_with_its_name(tmp_path, reader):
    with pytest.raises(gb.FileError, match=r"nowhere: cannot be read \(No such file"):
        reader(tmp_path / "nowhere")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=200), st.text("0123456789 .-e\n", max_size=200).map(str.encode)))
def test_garbage_is_read_or_refused_and_never_crashes(write, content):
    path = write(content)
    readers = (
        read_hkl,
        lambda p: read_hkl(p, token_stream=True),
        read_matrix,
        lambda p: read_sources(p, (1.0, 0.0, 0.0), 1.0),
        read_smv_header,
    )
    for reader in readers:
        with contextlib.suppress(gb.FileError):
            reader(path)


def test_a_matrix_is_nine_numbers(write):
    assert read_matrix(write("1 2 3\n0 5 6\n0 0 9 10 11")).tolist() == [[1, 2, 3], [0, 5, 6], [0, 0, 9]]


BAD_MATRICES = {
    "short": ("1 2 3", "nine finite"),
    "words": ("1 2 3\n4 five 6\n7 8 9", "file:2: .4 five 6.: nine numbers are needed"),
    "flat": ("1 " * 9, "no volume"),
}


@pytest.mark.parametrize(("content", "message"), BAD_MATRICES.values(), ids=BAD_MATRICES)
def test_a_bad_matrix_is_an_error(write, content, message):
    with pytest.raises(gb.FileError, match=message):
        read_matrix(write(content))


@pytest.mark.parametrize("end", ["\n", "\r\n", ""], ids=["lines", "windows", "no last newline"])
def test_sources_fill_missing_columns(write, end):
    sources = read_sources(write("-10 0.02 0.01 2 6.2e-10\n# comment\n-5,0.1" + end), (1.0, 0.0, 0.0), 1.5)
    assert sources.positions.tolist() == [[-10, 0.02, 0.01], [-5, 0.1, 0]]
    assert sources.weights.tolist() == [2, 1]
    assert sources.wavelengths.tolist() == pytest.approx([6.2, 1.5])


BAD_SOURCES = {
    "empty": ("# nothing\n", "holds no source"),
    "words": ("1 2 x\n", "file:1"),
    "at the sample": ("0 0 0\n", "off the sample"),
    "no wavelength": ("-1 0 0 1 0\n", "wavelength above 0"),
    "no weight": ("-1 0 0 0\n", "weights"),
}


@pytest.mark.parametrize(("content", "message"), BAD_SOURCES.values(), ids=BAD_SOURCES)
def test_a_bad_source_list_is_an_error(write, content, message):
    with pytest.raises(gb.FileError, match=message):
        read_sources(write(content), (1.0, 0.0, 0.0), 1.0)


def smv(order, data, sizes=(3, 2)):
    head = f"{{\nHEADER_BYTES=512;\nBYTE_ORDER={order};\nSIZE1={sizes[0]};\nSIZE2={sizes[1]};\n}}\n"
    return head.encode().ljust(512) + data


@pytest.mark.parametrize(("order", "code"), [("little_endian", "<6H"), ("big_endian", ">6H")])
def test_a_mask_keeps_its_byte_order(write, order, code):
    header = read_smv_header(write(smv(order, struct.pack(code, 0, 1, 0, 5, 0, 7))))
    assert read_mask(header).tolist() == [[False, True, False], [True, False, True]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"junk" * 150, "is not an SMV image"),
        (b"{\nHEADER_BYTES=512;\nSIZE1=3;", "no closing brace"),
        (smv("little_endian", b"\x01"), "3 x 2 pixels of 2 bytes are needed"),
        (smv("little_endian", b"", (0, 0)), "SIZE1, SIZE2"),
        (smv("little_endian", b"", ("three", 2)), "SIZE1 is 'three', not a number"),
    ],
)
def test_a_bad_mask_is_an_error(write, content, message):
    with pytest.raises(gb.FileError, match=message):
        read_mask(read_smv_header(write(content)))


def test_a_float_image_is_raw_single_precision_with_the_fast_axis_quickest(tmp_path):
    write_float_image(tmp_path / "a.bin", torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64))
    assert np.fromfile(tmp_path / "a.bin", np.float32).tolist() == [1, 2, 3, 4]


def test_a_preview_is_white_at_0_and_black_at_the_spots(tmp_path):
    image = torch.zeros((20, 30), dtype=torch.float64)
    image[3, 4] = 100.0
    image[10, 4] = 25.0
    write_png(tmp_path / "a.png", image)
    with Image.open(tmp_path / "a.png") as preview:
        read = np.asarray(preview)
    assert read.shape == (20, 30)
    assert read[3, 4] == 0
    assert 100 < read[10, 4] < 150
    assert (np.delete(read.flatten(), [3 * 30 + 4, 10 * 30 + 4]) == 255).all()


def test_a_blank_preview_is_white():
    assert (gray_levels(np.zeros((3, 3))) == 255).all()


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    target = tmp_path / "out"
    target.write_bytes(b"old")
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(("name", "message"), [("missing/out", "No such file"), ("", "is a folder")])
def test_a_place_that_cannot_be_written_is_an_error(tmp_path, name, message):
    with pytest.raises(gb.FileError, match=message):
        write_atomically(tmp_path / name, b"x")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_packed_files_are_unpacked(write, pack):
    assert read_hkl(write(pack(b"1 2 3 4\n"))).origin == (1, 2, 3)
    with pytest.raises(gb.FileError, match="cannot be unpacked"):
        read_hkl(write(pack(b"1 2 3 4\n")[:-5]))
