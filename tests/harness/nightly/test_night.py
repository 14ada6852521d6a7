"""A night opens one item for one cause, with the explained line; the next changes nothing; the fix closes it."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from gradtriage.evidence.junit import read_junit
from gradtriage.model.schemas import schemas
from tests.support.repositories import Repository

SARIF = Path(__file__).parents[1] / "data" / "sarif" / "sarif-schema-2.1.0.json"
MODEL = """
def model(w, v):
    h = {w} * v
    return h + (w - 1).square()
"""
TESTS = """
import torch
from model import model

def leaves():
    return [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (2.0, 3.0)]

def test_red():
    w, v = leaves()
    model(w, v).backward()
    assert w.grad == 5

def test_silent():
    w, v = leaves()
    model(w, v).backward()
    assert v.grad == 2
"""
LEDGER = "# Fix plan\n\n| id | title | priority | status |\n|---|---|---|---|\n\nWritten by hand.\n"
SOUND, CUT = MODEL.format(w="w"), MODEL.format(w="w.detach()")


def nightly_project(root: Path) -> Repository:
    project = Repository(root)
    project.begin()
    project.plan({"pytest": {"timeout": 300}}, initiative="NIGHT-000", ledger="fix_plan.md", env={"PIN": "1"})
    project.commit("Sound", {"model.py": SOUND, "test_it.py": TESTS, "fix_plan.md": LEDGER})
    return project


class Nights:
    """The nights of a project: what each said, and the ledger after it."""

    def __init__(self, project: Repository) -> None:
        self.project = project

    def run(self, *args: str, env: dict[str, str] | None = None):
        done = self.project.run("nightly", "plan.yaml", *args, env=env, patience=600)
        return done, self.ledger, json.loads((self.project.root / "reports/nightly/nightly.json").read_text())

    @property
    def ledger(self) -> str:
        return (self.project.root / "fix_plan.md").read_text()

    def explanations(self) -> int:
        return len(list((self.project.root / "reports").glob("explain/2*")))


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory):
    """Four nights: sound, with a cut that one test shows and another one does not, once more, mended."""
    project = nightly_project(tmp_path_factory.mktemp("nights") / "p")
    nights = Nights(project)
    found = [nights.run()]
    project.commit("Cut", {"model.py": CUT})
    summary = project.write("step.md", "before\n")
    found.append(nights.run(env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}))
    outputs = {path.name: path.read_text() for path in (project.root / "reports/nightly").iterdir()}
    explained = nights.explanations()
    found.append(nights.run("--force"))
    assert nights.explanations() == explained
    check = project.run("ledger", "check")
    project.write("model.py", SOUND)
    found.append(nights.run())
    yield found, outputs, summary.read_text(), check
    project.close()


def test_a_sound_night_is_the_baseline_and_changes_nothing_in_the_ledger(nights) -> None:
    done, ledger, told = nights[0][0]
    assert done.code == 0
    assert ledger == LEDGER
    assert told["worse"] is False
    assert "is the accepted baseline now" in told["notes"][0]


def test_a_regression_opens_one_item_with_the_explained_line(nights) -> None:
    done, ledger, told = nights[0][1]
    assert done.code == 1
    assert [(one["item"], one["new"], one["proof"]) for one in told["troubles"]] == [("NIGHT-001", True, "proven")]
    assert (told["troubles"][0]["file"], told["troubles"][0]["line"]) == ("model.py", 3)
    assert re.findall(r"^## \[(.*?)\]", ledger, re.MULTILINE) == ["NIGHT-001"]
    assert "- Cause: detach at `model.py:3` (proven)\n" in ledger
    assert "- Tests: `test_it.py::test_red`, `test_it.py::test_silent`\n" in ledger
    assert re.search(r"^- #1 \d{8}T\d{6}Z.*detach at model\.py:3 \(proven\).*reports/explain/", ledger, re.MULTILINE)
    assert "Written by hand.\n" in ledger
    assert nights[3].out == "the ledger is in order\n"


def test_its_outputs_are_what_ci_systems_read(nights) -> None:
    outputs = nights[1]
    sarif = json.loads(outputs["results.sarif"])
    jsonschema.Draft4Validator(json.loads(SARIF.read_text())).validate(sarif)
    (place,) = [result["locations"][0]["physicalLocation"] for result in sarif["runs"][0]["results"]]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("model.py", 3)
    jsonschema.validate(json.loads(outputs["nightly.json"]), schemas()["nightly"])
    comparison = json.loads(outputs["comparison.json"])
    jsonschema.validate(comparison, schemas()["comparison"])
    assert {(c["nodeid"], c["kind"]) for c in comparison["worse"]} == {
        ("test_it.py::test_red", "broke"),
        ("test_it.py::test_red", "drifted"),
        ("test_it.py::test_silent", "drifted"),
    }
    assert "| NIGHT-001 | " in outputs["summary.md"]


def test_the_merged_junit_holds_every_test_once(nights, tmp_path: Path) -> None:
    (tmp_path / "junit.xml").write_text(nights[1]["junit.xml"])
    junit = read_junit(tmp_path / "junit.xml")
    assert {case.name: case.outcome for case in junit.cases} == {"test_red": "failed", "test_silent": "passed"}
    assert junit.tests == 2


def test_github_is_told_on_the_terminal_and_in_the_summary_of_the_step(nights) -> None:
    done = nights[0][1][0]
    assert re.search(r"^::error file=model\.py,line=3,title=gradtriage", done.out, re.MULTILINE)
    assert nights[2].startswith("before\n## 1 new trouble")
    assert "::error" not in nights[0][0][0].out


def test_a_second_night_changes_nothing_and_is_still_red(nights) -> None:
    done, ledger, told = nights[0][2]
    assert done.code == 1
    assert ledger == nights[0][1][1]
    assert told["ledger"] == []
    assert [(one["item"], one["new"], one["line"]) for one in told["troubles"]] == [("NIGHT-001", False, 3)]


def test_after_the_fix_the_item_is_closed(nights) -> None:
    done, ledger, told = nights[0][3]
    assert done.code == 0
    assert told["troubles"] == []
    before = nights[0][2][1]
    note = re.search(r"^- #2 .*all 2 tests pass again, closed .*\n", ledger, re.MULTILINE)
    assert note is not None
    expected = before.replace("- Status: open", "- Status: done").replace("| open |", "| done |")
    assert ledger.replace(note[0], "") == expected


def test_gradients_that_vanish_in_tests_that_pass_open_an_item_and_the_fix_closes_it(tmp_path: Path) -> None:
    project = nightly_project(tmp_path / "p")
    project.commit("No red test", {"test_it.py": TESTS.replace("    assert w.grad == 5\n", "")})
    nights = Nights(project)
    assert nights.run("--explain", "0")[0].code == 0
    project.write("model.py", CUT)
    done, ledger, told = nights.run("--explain", "0")
    assert done.code == 1
    assert [(one["item"], one["kind"], one["clusters"]) for one in told["troubles"]] == [("NIGHT-001", "drifted", [])]
    assert "- Status: open\n" in ledger
    project.write("model.py", SOUND)
    assert nights.run("--explain", "0")[0].code == 0
    assert "- Status: done\n" in nights.ledger


def test_without_a_baseline_what_fails_is_worse_and_can_be_accepted(tmp_path: Path) -> None:
    project = nightly_project(tmp_path / "p")
    project.write("test_it.py", "def test_it():\n    assert False\n")
    nights = Nights(project)
    done, _, told = nights.run("--explain", "0")
    assert (done.code, told["baseline"]) == (1, None)
    assert "accept a run with --accept" in done.out
    assert nights.run("--accept", "--explain", "0")[0].code == 0
    assert nights.run("--explain", "0")[0].code == 0


def test_a_ledger_that_is_missing_is_one_line_before_anything_runs(tmp_path: Path) -> None:
    project = nightly_project(tmp_path / "p")
    (project.root / "fix_plan.md").unlink()
    done = project.run("nightly", "plan.yaml")
    assert done.code == 2
    assert "fix_plan.md: No such file" in done.err
    assert len(done.err.splitlines()) == 1
    assert not (project.root / "reports").exists()
