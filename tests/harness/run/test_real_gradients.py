"""One run with torch, from the red test to the page: the figures are those of the gradients."""

from gradtriage.verify import verify_folder
from tests.support.projects import SmallProject

TESTS = """
import torch
def leaf(value): return torch.tensor(value, dtype=torch.float64, requires_grad=True)

def test_blank():
    cell_a, cell_b = leaf(100.0), leaf(90.0)
    loss = (cell_a * cell_b * 0.0).sum()
    loss.backward()
    assert cell_a.grad.abs() > 1e-10

def test_mixed():
    good, cut, root = leaf(2.0), leaf(3.0), leaf(0.0)
    (good ** 2 + torch.tensor(cut.item()) + torch.sqrt(root) * 0.0 + cut * 0).backward()

def test_dies():
    w = leaf(1.5)
    (w ** 2).backward()
    import os; os._exit(3)
"""


def test_a_red_gradient_test_leaves_evidence_of_its_gradients(project: SmallProject) -> None:
    project.write("test_it.py", TESTS)
    criteria = [
        {"id": "A1", "text": "Blank", "check": "gradients.tests['test_blank'].zero == 2 and exit_code == 1"},
        {"id": "A2", "text": "Loss", "check": "gradients.tests['test_blank'].loss == 0"},
        {"id": "A3", "text": "Mixed", "check": "gradients.tests['test_mixed'].names['good'] == 4"},
        {"id": "A4", "text": "Infinite", "check": "gradients.tests['test_mixed'].names['root'].status == 'nan'"},
    ]
    chunk = {"args": ["-k", "not dies"]}
    done = project.run("run", str(project.plan({"pytest": chunk, "criteria": criteria}, {"id": "B"})))
    evidence = project.only("A")
    assert [c["met"] for c in evidence.json("criteria.json")["criteria"]] == [True] * 4, evidence.text("criteria.json")
    page = evidence.text("summary.md")
    assert "| `cell_a` | `test_blank` | zero | 0 | 0 |" in page
    assert "| `good` | `test_mixed` | ok | 4 |" in page
    assert evidence.json("environment.json")["torch"]
    assert verify_folder(evidence.path) == []

    # the process that died in the third test took none of the gradients with it
    crashed = project.only("B")
    assert (done.code, crashed.status, crashed.exit_code) == (1, "crashed", 3)
    assert {r["nodeid"].split("::")[1] for r in crashed.json("gradients.json")["records"]} == {
        "test_blank",
        "test_mixed",
        "test_dies",
    }
    assert verify_folder(crashed.path) == []
