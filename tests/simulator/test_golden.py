"""Images of the reference program (data/golden), reproduced by --compat in double precision."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gradbragg.cli import main
from tests.support.simulator.images import DATA
from tests.support.simulator.tolerances import GOLDEN

CASES = json.loads((DATA / "golden" / "cases.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_compat_reproduces_the_reference_program(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in case["inputs"]:
        shutil.copy(DATA / "golden" / "inputs" / Path(name).name, tmp_path)
    want = np.load(DATA / "golden" / f"{case['name']}.npz")["image"].astype(float)

    assert main(["--compat", "--dtype", "float64", *case["args"], "-floatfile", "out.bin"]) == 0

    got = np.fromfile("out.bin", np.float32).reshape(want.shape).astype(float)
    assert np.abs(got - want).max() <= GOLDEN * want.max()
    assert got.sum() == pytest.approx(case["sum"], rel=GOLDEN)
