"""`gradtriage explain --against`, `--baseline` and `--save-baseline`, from outside."""

import json

import pytest

from gradtriage.model.baseline import BaselineDocument
from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.verify import verify_folder
from tests.support.versioned import MODEL, NODEID, VersionedProject


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return VersionedProject(tmp_path_factory.mktemp("versioned") / "project")


def test_a_rounded_value_is_led_back_to_its_line_by_the_last_commit(project):
    project.model.write_text(MODEL)
    project.edit("h = x * cells", "h = (x * cells).round()")
    new = project.root / "tests" / "test_new.py"
    new.write_text((project.root / "tests" / "test_model.py").read_text())  # the commit does not have this test
    done = project.gradtriage("explain", "tests/test_new.py::test_gradient", "--against", "HEAD", "--json", "-")
    new.unlink()
    diagnosis = DiagnosisDocument.parse(done.stdout, "stdout")
    assert (done.returncode, diagnosis.differential.changed) == (1, True), done.stderr
    (cause,) = [cause for cause in diagnosis.causes if "what" in cause.evidence]
    assert (cause.kind, cause.file, cause.proof) == ("integer", "src/pkg/model.py", "proven")
    assert cause.line == project.line_of("round()")
    assert f"first difference at src/pkg/model.py:{cause.line}" in done.stderr
    assert "then: src/pkg/model.py" in done.stderr
    (folder,) = (project.root / "reports/explain").iterdir()
    assert verify_folder(folder) == []
    assert f"src/pkg/model.py:{cause.line}" in (folder / "summary.md").read_text()
    assert project.git("worktree", "list").count("\n") == 1
    assert project.git("status", "--porcelain") == " M src/pkg/model.py\n"


def test_a_saved_run_finds_no_difference_and_then_a_changed_number(project):
    project.model.write_text(MODEL)
    saved = project.gradtriage("explain", NODEID, "--save-baseline", "reports/good.json")
    assert saved.returncode == 0, saved.stdout + saved.stderr
    assert BaselineDocument.read(project.root / "reports/good.json").tests[0].nodeid == NODEID
    same = project.gradtriage("explain", NODEID, "--baseline", "reports/good.json")
    assert same.returncode == 0, same.stdout
    assert "no difference from good.json" in same.stdout
    project.edit("a * 2.5", "a * 2.50001")
    other = project.gradtriage("explain", NODEID, "--baseline", "reports/good.json")
    assert other.returncode == 1
    assert "another function than at good.json" in other.stdout
    assert f"first difference at src/pkg/model.py:{project.line_of('2.50001')}" in other.stdout


@pytest.fixture(scope="module")
def stored():
    call = {
        "number": 1,
        "loss": 1.0,
        "operations": 0,
        "roots": [[-1, 0, -1, 0]],
        "weights": [-1],
        "gradients": {},
        "nodes": [],
    }
    value = {"dtype": "float64", "shape": [], "digest": "00"}
    run = {"nodeid": NODEID, "leaves": [], "places": [], "values": [value], "operations": [], "calls": [call]}
    return {"schema": "gradtriage.baseline/1", "tool_version": "0", "torch": "2", "files": {}, "tests": [run]}


BAD = {
    "cut off": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "another schema": lambda text: text.replace("baseline/1", "baseline/9"),
    "not strict": lambda text: text.replace("1.0", "NaN"),
    "a value that is not there": lambda text: text.replace("[-1, 0, -1, 0]", "[-1, 0, -1, 7]"),
    "data of another size": lambda text: text.replace('"digest": "00"', '"digest": "00", "data": "eJwDAAAAAAE="'),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_baseline_is_one_line_and_wrong_usage(project, stored, name):
    path = project.root / "reports" / "bad.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(BAD[name](json.dumps(stored)))
    done = project.gradtriage("explain", NODEID, "--baseline", "reports/bad.json")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "bad.json" in line
    assert "--save-baseline" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--against", "HEAD", "--baseline", "x.json"], "give one of them"),
        (["--against", "nothing"], "knows no such revision"),
        (["--baseline", "nowhere.json"], "nowhere.json"),
        (["--save-baseline", "nowhere/x.json"], "a folder that exists"),
    ],
)
def test_options_that_cannot_be_used_are_one_line(project, options, words):
    done = project.gradtriage("explain", NODEID, *options)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert words in line
