"""`gradtriage scan` from outside: suites of every kind, what is said of them, and what cannot be said."""

import subprocess
import sys
from pathlib import Path

import pytest

from gradtriage.model.scan import ScanDocument
from gradtriage.verify import verify_folder

# six gradient checks of a unit cell that ran on a blank image for months, and the same with structure factors
CELL = """
import dataclasses
import pytest, torch
from torch.autograd import gradcheck
import gradbragg as gb

pytestmark = pytest.mark.filterwarnings("ignore::gradbragg.BlankImageWarning")
CELL = {"cell_a": 100.0, "cell_b": 100.0, "cell_c": 100.0, "cell_alpha": 90.0, "cell_beta": 90.0, "cell_gamma": 90.0}
FLAGS = "-cell 100 100 100 90 90 90 -misset 10 20 30 -N 3 -lambda 6.2 -distance 100 -detpixels 4 --dtype float64"

def checked(name, default_F):
    crystal, detector, beam, run = gb.configs_from_flags([*FLAGS.split(), "-default_F", "100"])

    def image(value):
        changed = dataclasses.replace(crystal, **{name: value, "default_F": default_F})
        return gb.Simulator(gb.Crystal(changed), gb.Detector(detector), gb.Beam(beam), run).run()

    value = torch.tensor(CELL[name], dtype=torch.float64, requires_grad=True)
    return gradcheck(image, (value,), atol=1e-3)

@pytest.mark.parametrize("name", CELL)
def test_blank(name):
    assert checked(name, 0.0)

@pytest.mark.parametrize("name", CELL)
def test_bright(name):
    assert checked(name, 100.0)
"""

KINDS = """
import unittest
import pytest, torch
from torch.autograd import gradcheck
from torch.autograd.gradcheck import GradcheckError

def parameter(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)

def test_compares_nothing():
    x = parameter(1.0, 2.0)
    assert gradcheck(lambda x: (x > 0).double(), (x,))  # vacuous

def test_compares_zero_in_fast_mode():
    x = parameter(1.0, 2.0)
    assert gradcheck(lambda x: x * 0, (x,), fast_mode=True)  # vacuous

def test_one_input_of_two():
    x, y = parameter(1.0, 2.0), parameter(3.0, 4.0)
    assert gradcheck(lambda x, y: x * 2 + y * 0, (x, y))

def test_raises_inside_the_check():
    z = parameter(1.0, 2.0)
    with pytest.raises(GradcheckError):
        gradcheck(lambda z: z.detach() * z, (z,))

def test_raises_of_itself():
    z = parameter(1.0, 2.0)
    with pytest.raises(ZeroDivisionError):
        gradcheck(lambda z: z / (1 // 0), (z,))

class TestOldStyle(unittest.TestCase):
    def test_looks(self):
        u = parameter(1.0, 2.0)
        (u**2).sum().backward()
        self.assertTrue(torch.allclose(u.grad, 2 * u.detach()))

    def test_looks_away(self):
        v = parameter(1.0, 2.0)
        (v**2).sum().backward()  # vacuous
        self.assertIsNotNone(v.grad)

@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return torch.nn.Linear(2, 1).double()

class TestNet:
    @pytest.mark.parametrize("rows", [1, 2])
    def test_net(self, net, rows):
        net.zero_grad()
        net(torch.ones(rows, 2, dtype=torch.float64)).sum().backward()
        assert torch.equal(net.weight.grad, torch.full((1, 2), float(rows), dtype=torch.float64))

    def test_sign(self, net):
        net.zero_grad()
        net(torch.ones(3, 2, dtype=torch.float64)).sum().backward()  # weak
        assert (net.weight.grad > 0).all()

def test_two_ways_agree():
    found = []
    for way in (torch.sin, lambda t: t.sin()):
        k = parameter(1.0, 2.0)
        way(k).sum().backward()
        found.append(k.grad)
    assert torch.equal(*found)

def test_skips_itself_when_wrong():
    s = parameter(1.0, 2.0)
    s.sum().backward()  # vacuous
    if not torch.equal(s.grad, torch.ones(2, dtype=torch.float64)):
        pytest.skip("odd machine")

@pytest.mark.xfail
def test_expected_to_fail():
    q = parameter(1.0, 2.0)
    q.sum().backward()  # unknown
    assert (q.grad == 2).all()

def test_passes_here_only():
    import os
    r = parameter(1.0, 2.0)
    if os.getpid() == PID:
        r.sum().backward()  # not made again
        assert (r.grad == 1).all()

PID = __import__("os").getpid()
"""


def scanned(root: Path, *args: str) -> tuple[ScanDocument, subprocess.CompletedProcess[str]]:
    (root / "gradtriage.toml").touch()
    command = [sys.executable, "-m", "gradtriage", "scan", "--quiet", "--json", "scan.json", *args]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=900, check=False)
    assert (root / "scan.json").exists(), done.stdout + done.stderr
    return ScanDocument.read(root / "scan.json"), done


def names(scan: ScanDocument, *, vacuous: bool) -> set[str]:
    return {test.nodeid.partition("::")[2] for test in scan.tests for check in test.checks if check.vacuous is vacuous}


def test_six_checks_of_a_blank_image_are_named_and_the_bright_ones_are_not(tmp_path):
    (tmp_path / "test_cell.py").write_text(CELL)
    scan, done = scanned(tmp_path)
    cell = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")
    assert names(scan, vacuous=True) == {f"test_blank[{name}]" for name in cell}
    assert names(scan, vacuous=False) == {f"test_bright[{name}]" for name in cell}
    assert (done.returncode, scan.summary.vacuous_tests) == (1, 6)
    assert "✗ analytic and numeric gradient are both zero: 6 checks" in done.stdout
    assert (
        "in test_blank[cell_a], test_blank[cell_b], test_blank[cell_c], test_blank[cell_alpha] and 2 more"
        in done.stdout
    )


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    root = tmp_path_factory.mktemp("kinds")
    (root / "test_kinds.py").write_text(KINDS)
    scan, done = scanned(root, "--strength", "--", "-n", "2", "test_kinds.py")
    (folder,) = (root / "reports/scan").iterdir()
    assert verify_folder(folder) == []
    return scan, done


def test_checks_that_prove_nothing_are_named_in_every_style_of_test(kinds):
    scan, _ = kinds
    vacuous = {"test_compares_nothing", "test_compares_zero_in_fast_mode", "TestOldStyle::test_looks_away"}
    assert names(scan, vacuous=True) == vacuous | {"test_skips_itself_when_wrong"}
    lines = [number for number, line in enumerate(KINDS.splitlines(), 1) if "# vacuous" in line]
    assert {c.where.line for t in scan.tests for c in t.checks if c.vacuous} == set(lines)


def test_what_a_test_does_not_notice_is_told_for_each_corruption(kinds):
    scan, done = kinds
    missed = {
        test.nodeid.partition("::")[2]: {name for name, noticed in check.noticed.items() if noticed is False}
        for test in scan.tests
        for check in test.checks
        if check.judged and not check.vacuous and check.noticed
    }
    exact = ("TestOldStyle::test_looks", "TestNet::test_net[1]", "TestNet::test_net[2]")
    assert {name: missed[name] for name in exact} == {name: set() for name in exact}
    assert missed["TestNet::test_sign"] == {"scaled by 1.01", "scaled by 1.5"}
    assert "in TestNet::test_sign: scaled by 1.01, scaled by 1.5" in done.stdout
    tried = [noticed for t in scan.tests for c in t.checks for noticed in c.noticed.values() if noticed is not None]
    assert scan.summary.strength == pytest.approx(sum(tried) / len(tried), abs=1e-4)
    assert scan.summary.noticed["zeroed"] > scan.summary.noticed["scaled by 1.01"]


def test_what_could_not_be_tried_is_told_with_the_reason(kinds):
    scan, done = kinds
    reasons = {t.nodeid.partition("::")[2]: c.reason for t in scan.tests for c in t.checks if not c.judged}
    assert set(reasons) == {"test_expected_to_fail", "test_passes_here_only"}
    assert reasons["test_expected_to_fail"].startswith("not replayed: the test is skipped")
    assert reasons["test_passes_here_only"].startswith("not replayed: the replay does not come to this call")
    assert scan.summary.not_judged == 2
    assert "? not replayed" in done.stdout


def test_parameters_that_no_check_proves_anything_about_are_listed_by_file(kinds):
    scan, _ = kinds
    # of y the only check compares zero with zero; nothing is known of q and r, whose tests were not replayed
    assert scan.summary.uncovered == [f"test_kinds.py::{name}" for name in ("s", "v", "y")]
