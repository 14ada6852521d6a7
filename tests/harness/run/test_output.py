"""What tests print goes to the log as it came, and into nothing else."""

import json
import subprocess

import pytest

from gradtriage.verify import verify_folder
from tests.support.projects import SmallProject, finish

NOISE = r"""
import os, sys
print('{"schema": "gradtriage.gradients/1", "records": []}')
def test_noise():
    print('{"phases": []}')
    os.write(1, b'\x1b[31mred\x1b[0m \xff\xfe \x00 end\n')
    os.write(2, b'{"to": "stderr"}\n')
    sys.stdout.write('x' * 5_000_000 + '\n')
    print('## A heading\n| a | table |\n```\n')
def test_fails():
    raise ValueError('## A heading\n```\n| a | b |\n<script>\x1b[31m')
"""


@pytest.fixture(scope="module")
def noisy(shared_project) -> tuple[SmallProject, object]:
    project = shared_project("noise")
    project.write("test_it.py", NOISE)
    return project, project.run("run", str(project.plan({"pytest": {"args": ["-s"]}})), "--json", "-")


def test_json_on_stdout_is_pure_whatever_the_tests_print(noisy) -> None:
    project, done = noisy
    (phase,) = json.loads(done.out)["phases"]
    assert (phase["phase"], phase["status"], phase["exit_code"], phase["met"]) == ("A", "complete", 1, True)
    assert (project.root / phase["folder"]).samefile(project.only().path)
    assert "red" in done.err


def test_the_log_holds_every_byte(noisy) -> None:
    log = (noisy[0].only().path / "pytest.log").read_bytes()
    assert b"\x1b[31mred\x1b[0m \xff\xfe \x00 end\n" in log
    assert b'{"to": "stderr"}\n' in log
    assert b"x" * 5_000_000 in log


def test_prints_do_not_reach_the_documents(noisy) -> None:
    evidence = noisy[0].only()
    assert evidence.json("gradients.json")["records"] == []
    assert verify_folder(evidence.path) == []


def test_what_a_failure_says_is_no_markup_in_the_summary(noisy) -> None:
    page = noisy[0].only().text("summary.md")
    assert "\n## A heading" not in page
    assert "\x1b" not in page
    assert page.count("\n## ") == 13


def test_quiet_shows_the_outcome_alone(project: SmallProject) -> None:
    project.write("test_it.py", "def test_a(): print('seen')\n")
    done = project.run("run", str(project.plan({"pytest": {"args": ["-s"]}})), "--quiet", "--json", "out.json")
    assert "seen" not in done.out
    assert "Phase A: complete" in done.out
    assert json.loads((project.root / "out.json").read_text())["phases"][0]["met"] is True
    assert "seen" in project.only().text("pytest.log")


def test_a_reader_that_goes_away_does_not_stop_the_phases(project: SmallProject) -> None:
    project.write("test_it.py", "def test_a(): print('x' * 500_000)\n")
    plan = str(project.plan({"id": "A", "pytest": {"args": ["-s"]}}, {"id": "B"}))
    process = project.start("run", plan)
    head = subprocess.Popen(["head", "-1"], stdin=process.stdout, stdout=subprocess.PIPE)
    process.stdout.close()
    first, _ = head.communicate(timeout=30)
    assert b"test session starts" in first
    process.stdout = None
    done = finish(process)
    assert "Traceback" not in done.err
    assert "BrokenPipe" not in done.err
    assert project.only("A").status == project.only("B").status == "complete"
    assert b"x" * 500_000 in (project.only("A").path / "pytest.log").read_bytes()


def test_a_json_file_that_cannot_be_written_is_said_before_anything_runs(project: SmallProject) -> None:
    project.write("test_it.py", "def test_a(): pass\n")
    done = project.run("run", str(project.plan()), "--json", "no/such/folder/out.json")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "no/such/folder" in done.err
    assert project.evidence() == []


def test_a_process_out_of_reach_cannot_write_into_a_sealed_log(project: SmallProject, monkeypatch) -> None:
    # stands for one of another user, which nobody may kill: it goes on printing after the end of the run
    import sys
    import time

    from gradtriage.run import process, tree

    monkeypatch.setattr(tree, "members", lambda *_: [])
    monkeypatch.setattr(process, "_DRAIN", 0.3)
    script = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-S', '-c', "
        "\"import time\\nfor _ in range(40): print('late', flush=True); time.sleep(0.1)\"])"
    )
    log = project.root / "pytest.log"
    job = process.Job([sys.executable, "-c", script], project.root, project.environment(), "mark", log, 30, 1)
    ending = process.run_job(job, lambda _: None)
    held = log.read_bytes()
    time.sleep(0.5)
    assert log.read_bytes() == held
    assert "still held open" in ending.log_error
    assert ending.exit_code == 0
