"""The refinement examples find what they hid."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

EDGE, ANGLE, MISSET, SPREAD = 0.05, 0.1, 0.25, 0.15
"""Errors allowed in angstrom and degrees: a third or less of how wrong the start is, or the mosaic sampling's own."""

ALLOWED = {
    "refine_crystal": {
        **dict.fromkeys(("a", "b", "c"), EDGE),
        **dict.fromkeys(("alpha", "beta", "gamma"), ANGLE),
        **{f"misset {axis}": MISSET for axis in "xyz"},
        "mosaic spread": SPREAD,
    },
    "refine_detector": {"distance": 0.05, "beam centre x": 0.02, "beam centre y": 0.02},
}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_small_refinement_recovers_what_was_hidden(name, tmp_path):
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--small", "--picture", str(tmp_path / "a.png")]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}  # threads beside those of other tests mostly wait for each other
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=alone)
    assert (done.returncode, done.stderr) == (0, "")
    rows = re.findall(r"(?m)^(\w[\w ]*?) {2,}(\S+) +(\S+) +(\S+) +(\S+)$", done.stdout)
    errors = {row[0]: float(row[4]) for row in rows if row[0] in ALLOWED[name]}
    assert set(errors) == set(ALLOWED[name])
    for parameter, error in errors.items():
        assert abs(error) <= ALLOWED[name][parameter], (parameter, error)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > 500


def test_the_page_shows_each_example_with_its_picture():
    page = (EXAMPLES / "README.md").read_text()
    for name in ALLOWED:
        assert f"({name}.py)" in page
        assert f"({name}.png)" in page
        assert (EXAMPLES / f"{name}.png").exists()
