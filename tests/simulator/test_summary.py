"""The JSON summary: every setting, where it came from, and what followed."""

import dataclasses
import json
from pathlib import Path

import pytest

import gradbragg as gb
from gradbragg.cli import main
from gradbragg.flags.origins import ORIGINS
from gradbragg.flags.table import FLAGS

LINE = "-cell 100 -default_F 100 -N 5 -detpixels 16 -twotheta 4"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def summary_of(line, capsys):
    capsys.readouterr()
    assert main([*line.split(), "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def test_standard_output_is_nothing_but_the_summary(capsys):
    summary = summary_of(LINE, capsys)
    assert summary["statistics"]["pixels"] == 256
    assert summary["settings"]["crystal"]["cell_a"] == {"value": 100.0, "origin": "flag -cell"}
    assert summary["settings"]["detector"]["distance_mm"] == {"value": 100.0, "origin": "default"}
    assert summary["settings"]["run"]["dtype"] == {"value": "float32", "origin": "default"}
    assert summary["resolved"]["oversample"] == 2
    assert summary["resolved"]["header"]["twotheta_deg"] == 4.0
    assert summary["outputs"]["float_image"] == "floatimage.bin"


def test_a_file_holds_it_as_well(capsys):
    assert main([*LINE.split(), "--json", "a.json"]) == 0
    assert "wrote a.json" in capsys.readouterr().out
    assert json.loads(Path("a.json").read_text())["summary_version"] == 1


def test_origins_name_the_flag_the_header_or_the_default(capsys):
    assert main([*LINE.split(), "-intfile", "a.img", "-energy", "9000"]) == 0
    settings = summary_of("-cell 100 -default_F 1 -img a.img -Na 3", capsys)["settings"]
    assert settings["beam"]["wavelength_angstrom"]["origin"] == "header -img a.img"
    assert settings["detector"]["n_fast"] == {"value": 16, "origin": "header -img a.img"}
    assert settings["detector"]["twotheta_deg"] == {"value": 4.0, "origin": "header -img a.img"}
    assert settings["crystal"]["n_cells"]["origin"] == "flag -Na"


def test_long_tensors_are_described_and_lists_counted(capsys):
    Path("a.hkl").write_text("0 0 0 1\n1 2 3 4\n")
    settings = summary_of("-cell 100 -hkl a.hkl -detpixels 4", capsys)["settings"]
    want = {"reflections": 2, "from": [0, 0, 0], "to": [1, 2, 3]}
    assert settings["crystal"]["reflections"] == {"value": want, "origin": "flag -hkl"}


CONFIGS = {"crystal": gb.CrystalConfig, "detector": gb.DetectorConfig, "beam": gb.BeamConfig, "run": gb.RunConfig}
NO_FLAG = {"whole_cells", "dispersion_step", "tophat_softness"}


@pytest.mark.parametrize("section", CONFIGS)
def test_every_field_has_its_flags_and_every_flag_exists(section):
    fields = {field.name for field in dataclasses.fields(CONFIGS[section])}
    assert fields - NO_FLAG == set(ORIGINS[section])
    known = {flag.name for flag in FLAGS}
    for names in ORIGINS[section].values():
        assert {name for name in names.split() if name.startswith("-")} <= known
