"""The worked example: its plan comes out as the documentation says, and the committed sample is whole."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradtriage.verify import verify_folder

ROOT = Path(__file__).parents[2]
SAMPLES = sorted(
    ROOT / path.rsplit("/", 1)[0]
    for path in subprocess.run(
        ["git", "ls-files", "reports"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    if path.endswith("/manifest.json")
)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """The plan, run in a folder of its own."""
    root = tmp_path_factory.mktemp("example")
    shutil.copytree(ROOT / "plans", root / "plans")
    (root / "gradtriage.toml").touch()
    command = [sys.executable, "-m", "gradtriage", "run", "plans/gradient-flow.yaml", "--json", "-"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return root, json.loads(done.stdout)["phases"]


def test_both_phases_meet_all_their_criteria(outcomes):
    _, phases = outcomes
    assert [(phase["phase"], phase["status"], phase["met"]) for phase in phases] == [
        ("A", "complete", True),
        ("B", "complete", True),
    ]


def test_the_baseline_records_six_gradients_that_are_exactly_zero(outcomes):
    root, phases = outcomes
    gradients = json.loads((root / phases[0]["folder"] / "gradients.json").read_text())
    cell = [f"cell_{name}" for name in ("a", "b", "c", "alpha", "beta", "gamma")]
    assert gradients["loss"] == 0.0
    assert gradients["gradients"] == dict.fromkeys(cell, 0.0)


def test_the_probe_confirms_the_missing_structure_factors_and_refutes_the_cuts(outcomes):
    root, phases = outcomes
    page = (root / phases[1]["folder"] / "summary.md").read_text()
    assert "**H1 confirmed:** No structure factors were given" in page
    assert "**H2 refuted:** A cell parameter was turned into a number" in page
    assert "**H3 refuted:** A tensor was detached" in page


def test_the_explanation_proves_the_zero_factor_in_the_simulator(outcomes):
    root, phases = outcomes
    diagnosis = json.loads((root / phases[1]["folder"] / "diagnosis.json").read_text())
    (cause,) = diagnosis["causes"]
    assert (diagnosis["verdict"], cause["kind"], cause["proof"]) == ("blank-output", "zero-factor", "proven")
    assert "default_F" in cause["source"]
    assert len(cause["parameters"]) == 6


def test_the_evidence_of_both_phases_is_whole(outcomes):
    root, phases = outcomes
    assert {phase["folder"]: verify_folder(root / phase["folder"]) for phase in phases} == {
        phase["folder"]: [] for phase in phases
    }


def test_there_is_a_committed_sample():
    assert len(SAMPLES) == 1


@pytest.mark.parametrize("folder", SAMPLES, ids=lambda folder: folder.name)
def test_the_committed_sample_is_whole(folder):
    assert verify_folder(folder) == []
