"""A test that stops pytest itself: the evidence says so, and later phases are not begun."""

import pytest

from gradtriage.verify import verify_folder
from tests.support.projects import SmallProject


@pytest.mark.parametrize(
    "stop",
    ["pytest.exit('enough')", "raise KeyboardInterrupt", "os.kill(os.getpid(), signal.SIGINT); time.sleep(9)"],
    ids=["exit", "keyboard-interrupt", "sigint"],
)
def test_a_test_that_interrupts_pytest_is_in_flight(project: SmallProject, stop: str) -> None:
    project.write(
        "test_it.py",
        "import os, pytest, signal, time\n@pytest.fixture\ndef broken(): 1 / 0\n"
        f"def test_a(broken): pass\ndef test_b(): {stop}\ndef test_c(): pass\n",
    )
    done = project.run("run", str(project.plan({"id": "A"}, {"id": "B"})))
    assert done.code == 1
    evidence = project.only("A")
    assert (evidence.status, evidence.exit_code) == ("interrupted", 2)
    assert "stopped from inside" in evidence.faults
    assert evidence.manifest["in_flight"] == ["test_it.py::test_b"]
    assert "1 in flight" in evidence.text("summary.md")
    assert verify_folder(evidence.path) == []
    assert project.evidence("B") == []
