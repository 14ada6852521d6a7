"""A regression injected into the simulator, in a chain of twenty commits, is found by its gradients alone."""

import json
import os
import shutil
from pathlib import Path

import gradbragg
import gradtriage
from tests.support.repositories import Repository

SIMULATOR = Path(next(iter(gradbragg.__path__)))
# passes on every commit: only the gradients change
TEST = """
import dataclasses
import torch
import gradbragg as gb

def test_image():
    cell_a = torch.tensor(100.0, dtype=torch.float64, requires_grad=True)
    crystal = dataclasses.replace(gb.CrystalConfig(n_cells=5.0, default_F=100.0), cell_a=cell_a)
    detector = gb.DetectorConfig(n_fast=16, n_slow=16, pixel_size_mm=0.4, distance_mm=100.0)
    run = gb.RunConfig(dtype=torch.float64, oversample=1)
    beam = gb.BeamConfig(wavelength_angstrom=6.2)
    gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run).run().sum().backward()
"""
INDICES = "        hkl = [q @ self.orientations[:, axis].transpose(-1, -2) for axis in range(3)]\n"
SQUARE = "return self.structure.default_F.square() * latt.square().sum(-1)"
REGRESSION = 13


def chain(root: Path) -> tuple[Repository, list[str]]:
    """Notes, one change of rounding, one commit that cannot be imported, and the regression."""
    project = Repository(root)
    shutil.copytree(SIMULATOR, root / "simulator" / "gradbragg", ignore=shutil.ignore_patterns("__pycache__"))
    lattice = root / "simulator/gradbragg/simulation/lattice.py"
    sound = lattice.read_text()
    assert INDICES in sound
    assert SQUARE in sound
    rounded = sound.replace(SQUARE, "return (self.structure.default_F * latt).square().sum(-1)")
    project.begin()
    commits = []
    for number in range(21):
        text = rounded if number >= 5 else sound
        if number >= REGRESSION:
            text = text.replace(INDICES, INDICES + "        hkl[0] = hkl[0].detach()\n")
        if number == 10:
            text += "\nimport no_module_of_this_name\n"
        name = "simulator/gradbragg/simulation/lattice.py"
        commits.append(project.commit(f"Commit {number}", {name: text, "test_image.py": TEST, "note": str(number)}))
    return project, commits


def test_the_commit_that_cuts_a_gradient_is_found(tmp_path: Path) -> None:
    project, commits = chain(tmp_path / "p")
    harness = Path(next(iter(gradtriage.__path__))).parent
    env = {"PYTHONPATH": os.pathsep.join([str(project.root / "simulator"), str(harness)])}
    args = ("bisect", "test_image.py::test_image", "--good", commits[0], "--bad", commits[20], "--json", "found.json")
    done = project.run(*args, env=env, patience=900)
    assert done.code == 0, done.err
    found = json.loads((project.root / "found.json").read_text())
    assert found["first"] == [commits[REGRESSION]]
    assert {change["kind"] for change in found["changes"]} <= {"zeroed", "vanished", "drifted"}
    assert len(found["examined"]) <= 8
