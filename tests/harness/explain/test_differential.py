"""Faults that are consistent in themselves: found by holding a run against a known-good one, placed at their line."""

import importlib.util
import itertools
import linecache
import sys

import pytest
import torch

from gradtriage.errors import BaselineError
from gradtriage.model.baseline import BaselineDocument
from gradtriage.model.settings import find_project
from gradtriage.probe.explain.differential.baselines import held_against
from gradtriage.probe.explain.program import GradientCall
from gradtriage.run.baseline import recorded_at
from gradtriage.run.task import explain_task
from tests.support.versioned import MODEL, NODEID, VersionedProject

_numbers = itertools.count()


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """The project and its committed run, recorded by the real command in a worktree."""
    project = VersionedProject(tmp_path_factory.mktemp("known") / "project")
    task = explain_task(find_project(project.root), NODEID, [], 300.0)
    project.edit("cells=3.0", "cells=99.0")  # what is committed counts, not what lies in the checkout
    with recorded_at(task.project, "HEAD", task.chunk, None) as baseline:
        document = BaselineDocument.read(baseline.path).model_dump(by_alias=True)
    assert project.git("worktree", "list").count("\n") == 1
    return project, document


@pytest.fixture
def compared(known):
    """Compares the test with an edited model."""
    project, baseline = known

    def compare(*edits):
        project.model.write_text(MODEL)
        for old, new in edits:
            project.edit(old, new)
        linecache.checkcache()
        model = _imported(project.model)
        where = {"file": "tests/test_model.py", "line": 8}

        def program(observer):
            a = torch.tensor([0.3, 0.7, 1.9], dtype=torch.float64, requires_grad=True)
            b = torch.tensor(2.5, dtype=torch.float64, requires_grad=True)
            loss = model.loss(a, b)
            observer.opened(GradientCall(1, "backward", where, [loss], [None], [a, b], ["a", "b"]))

        diagnosis = {"nodeid": NODEID, "verdict": "healthy", "causes": [], "parameters": []}
        sys.path.insert(0, str(project.sources))
        try:
            return project, held_against(diagnosis, baseline, "HEAD", program, project.root)
        finally:
            sys.path.remove(str(project.sources))
            del sys.modules[model.__name__]

    return compare


def _imported(path):
    spec = importlib.util.spec_from_file_location(f"model_of_today_{next(_numbers)}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    # what Python compiled a moment ago has the same time and size
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    return module


# the edit, what stands on the line to be blamed, the kind, the proof
FAULTS = {
    "an added round": (("h = x * cells", "h = torch.round(x * cells, decimals=2)"), "torch.round", "integer"),
    "a cast to single precision": (("out = out / 7.0", "out = out.float().double() / 7.0"), "out.float()", "integer"),
    "a changed number": (("a * 2.5", "a * 2.6"), "a * 2.6", "other"),
    "a swapped sign": (("x * c - y * s", "x * c + y * s"), "x * c + y * s", "other"),
    "another function": (("angle.sin()", "angle.cos() * 1"), "angle.cos() * 1", "other"),
    "a factor that is gone": (("h = x * cells", "h = x  # bare"), "h = x  # bare", "other"),
    "a line that is gone": (("    out = out / 7.0\n", ""), "if (out >", "other"),
    "an added clamp": (("out = out / 7.0", "out = (out / 7.0).clamp(min=-2.0)"), "clamp(min=-2.0)", "other"),
    "a write in place": (("out = out / 7.0", "out = out / 7.0\n    out.mul_(1.5)"), "out.mul_(1.5)", "other"),
    "a mean for a sum": (("total.sum()", "total.mean()"), "total.mean()", "other"),
    "a changed constant of the module": (("[1.0, 2.0, 3.0]", "[1.0, 2.5, 3.0]"), "Square.apply(out)", "other"),
    "a changed default": (("cells=3.0", "cells=3.1"), "h = x * cells", "other"),
    "a changed custom forward": (("return x * x\n", "return x * x * 1.01\n"), "Square.apply(out)", "other"),
}  # fmt: skip
ORIGINS = {
    "a changed constant of the module": "WEIGHTS =",
    "a changed default": "cells=3.1",
    "a changed custom forward": "return x * x * 1.01",
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_consistent_fault_is_placed_and_proven(compared, name):
    edit, mark, kind = FAULTS[name]
    project, diagnosis = compared(edit)
    assert diagnosis["differential"]["changed"]
    (cause,) = diagnosis["causes"]
    where = (cause["file"], cause["line"], cause["kind"], cause["proof"])
    assert where == ("src/pkg/model.py", project.line_of(mark), kind, "proven"), cause
    assert cause["evidence"]["loss_restored"] == pytest.approx(diagnosis["differential"]["loss"]["then"], rel=1e-10)
    origin = cause["evidence"].get("origin")
    assert (origin["line"] if origin else None) == (project.line_of(ORIGINS[name]) if name in ORIGINS else None)


def test_lines_that_moved_do_not_hide_the_fault(compared):
    project, diagnosis = compared(
        ("def rotated", "# a remark\n\n\ndef unused():\n    return 0\n\n\ndef rotated"), ("angle.sin()", "angle.tan()")
    )
    (cause,) = diagnosis["causes"]
    assert (cause["line"], cause["proof"]) == (project.line_of("angle.tan()"), "proven")
    assert cause["evidence"]["then"]["line"] == MODEL.splitlines().index("    s = angle.sin()") + 1


def test_two_faults_are_both_named_when_only_both_account_for_the_change(compared):
    project, diagnosis = compared(("a * 2.5", "a * 2.6"), ("/ 7.0", "/ 7.5"))
    found = [(cause["line"], cause["proof"]) for cause in diagnosis["causes"]]
    assert found == [(project.line_of("a * 2.6"), "proven"), (project.line_of("/ 7.5"), "proven")]


SAME = {
    "nothing": (),
    "comments and lines": (("def index", "# moved down\n\n\n\ndef index"),),
    "a renamed function": (("index(", "miller_index("),),
    "terms in another order": (("x * c - y * s", "-(y * s) + x * c"),),
    "a value that is printed": (("return h * y.mean()", "str(h.mean().item())\n    return h * y.mean()"),),
    "statements in another order": (
        ("    c = angle.cos()\n    s = angle.sin()\n", "    s = angle.sin()\n    c = angle.cos()\n"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_the_same_function_gives_no_difference(compared, name):
    _, diagnosis = compared(*SAME[name])
    assert not diagnosis["causes"]
    assert diagnosis["differential"]["changed"] is False
    assert diagnosis["differential"]["loss"]["same"]


def test_a_gradient_that_is_lost_or_changed_is_placed_although_all_values_agree(compared):
    project, diagnosis = compared(("return h * y.mean()", "return h.detach() * y.mean()"))
    (cause,) = diagnosis["causes"]
    assert (cause["kind"], cause["line"], cause["proof"]) == ("detach", project.line_of("h.detach()"), "proven")
    project, diagnosis = compared(("return 2 * x * grad", "return 3 * x * grad"))
    (cause,) = diagnosis["causes"]
    assert (cause["kind"], cause["line"], cause["proof"]) == (
        "custom-backward", project.line_of("Square.apply"), "proven",
    )  # fmt: skip
    assert diagnosis["differential"]["loss"]["same"]
    project, diagnosis = compared(("return h * y", "h.register_hook(lambda g: 2 * g)\n    return h * y"))
    (cause,) = diagnosis["causes"]
    assert (cause["kind"], cause["line"], cause["proof"]) == ("hook", project.line_of("register_hook"), "proven")


def test_an_edit_over_several_lines_is_never_called_proven(compared):
    lines = "h = x * cells\n    h = h.exp()\n    h = h.sin()\n"
    _, diagnosis = compared(("h = x * cells\n", lines))
    assert [cause["proof"] for cause in diagnosis["causes"]] == ["supported"]


def test_a_revision_that_does_not_exist_is_said_in_one_line(known):
    project, _ = known
    task = explain_task(find_project(project.root), NODEID, [], 300.0)
    with (
        pytest.raises(BaselineError, match="--against no-such-tag"),
        recorded_at(task.project, "no-such-tag", task.chunk, None),
    ):
        pass
