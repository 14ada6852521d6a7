"""Binary caches of structure factors."""

import numpy as np
import pytest
import torch

import gradbragg as gb
from gradbragg.cli import main
from gradbragg.io.hkl_text import read_hkl

LIST = "0 0 0 10\n0 0 1 -20\n0 1 0 30\n0 -1 2 40\n"
RUN = "-cell 100 -detpixels 8 -oversample 1 "


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.hkl").write_text(LIST)
    return tmp_path


def dump_of(header: str, numbers: np.ndarray) -> bytes:
    return header.encode() + b"\n\f" + numbers.astype(np.float64).tobytes()


def test_the_layout_is_the_reference_programs(empty_folder):
    """Its description gives this example: header 0 0 -1 1 0 2 and 2*4*4 numbers, padding 0, the rest default_F."""
    assert main([*RUN.split(), "-hkl", "a.hkl", "-dump", "a.bin", "-default_F", "5"]) == 0
    want = np.zeros((2, 4, 4))
    want[0, :3, :3] = 5.0
    want[0, 1, 0], want[0, 1, 1], want[0, 2, 0], want[0, 0, 2] = 10.0, -20.0, 30.0, 40.0
    assert (empty_folder / "a.bin").read_bytes() == dump_of("0 0 -1 1 0 2", want)


def test_a_dump_gives_the_same_image_as_its_list():
    assert main([*RUN.split(), "-hkl", "a.hkl", "-dump", "a.bin", "-default_F", "5", "-floatfile", "1.bin"]) == 0
    assert main([*RUN.split(), "-dump", "a.bin", "-default_F", "5", "-floatfile", "2.bin"]) == 0
    assert np.array_equal(np.fromfile("1.bin", np.float32), np.fromfile("2.bin", np.float32))


@pytest.mark.parametrize("mode", [[], ["--compat"]])
def test_nothing_is_dumped_or_read_unless_it_is_asked_for(empty_folder, mode, capsys):
    (empty_folder / "Fdump.bin").write_bytes(b"stale")
    assert main([*RUN.split(), *mode, "-hkl", "a.hkl", "-nonoise", "-nopgm"]) == 0
    assert (empty_folder / "Fdump.bin").read_bytes() == b"stale"
    assert main([*RUN.split(), *mode]) != 0
    assert "no structure factors" in capsys.readouterr().err


def test_a_first_number_that_looks_like_white_space_is_read():
    """The reference program skips such bytes and reads everything shifted."""
    odd = np.frombuffer(b"\x0a\x0c\x20\x09\x0d\x0b\x59\x40", np.float64)[0]
    table = gb.ReflectionTable(torch.tensor([[[odd]]], dtype=torch.float64), (0, 0, 0))
    gb.write_fdump("a.bin", table, 0.0)
    assert gb.read_fdump("a.bin").F_hkl.item() == odd


def test_tables_go_there_and_back():
    table = read_hkl("a.hkl")
    gb.write_fdump("a.bin", table, 7.0)
    back = gb.read_fdump("a.bin")
    assert back.origin == table.origin
    assert torch.equal(back.F_hkl, torch.where(table.known, table.F_hkl, 7.0))


BAD = {
    "empty": (b"", "a.bin:1: is no structure factor dump"),
    "text": (b"0 0 0 1\n1 1 1 5\n", "a.bin:1: is no structure factor dump"),
    "five ranges": (b"0 0 0 0 0\n\f" + bytes(64), "a.bin:1: is no structure factor dump"),
    "no form feed": (b"0 0 0 0 0 0\n" + bytes(64), "a.bin:1: is no structure factor dump"),
    "turned ranges": (b"1 0 0 0 0 0\n\f" + bytes(64), "not from low to high"),
    "too short": (b"0 0 0 0 0 0\n\f" + bytes(63), "64 bytes are needed after the header, 63 are there"),
    "too long": (b"0 0 0 0 0 0\n\f" + bytes(65), "64 bytes are needed"),
    "too large": (b"0 99999 0 99999 0 99999\n\f", "more than"),
    "not finite": (dump_of("0 0 0 0 0 0", np.full(8, np.nan)), "not finite"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_what_is_no_dump_is_an_error(empty_folder, content, message):
    (empty_folder / "a.bin").write_bytes(content)
    with pytest.raises(gb.FileError, match=message):
        gb.read_fdump("a.bin")


def test_a_missing_dump_is_an_error_that_compat_passes_over_when_it_has_a_default(capsys):
    assert main([*RUN.split(), "-dump", "no.bin", "-default_F", "5"]) == 1
    assert "no.bin: cannot be read" in capsys.readouterr().err
    assert main([*RUN.split(), "--compat", "-dump", "no.bin", "-default_F", "5", "-nonoise"]) == 0
    assert "-default_F counts" in capsys.readouterr().err
