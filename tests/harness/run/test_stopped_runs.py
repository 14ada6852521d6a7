"""A run that is stopped keeps what there is and leaves no process behind."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from gradtriage.verify import verify_folder
from tests.support.projects import SmallProject, alive, finish, until

# a test that will not go, with children of every kind: one in its session, one in a new session, a daemon that forked
# twice; where asked for, an orphan in a new session without the run's mark
STUBBORN = """
import os, signal, subprocess, sys, time
SLEEP = [sys.executable, "-S", "-c", "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN);"
         "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(120)"]

def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note()
            time.sleep(120)
        os._exit(0)

def note(pid=None):
    with open("pids", "a") as file:
        file.write(f"{pid or os.getpid()}\\n")

def test_before():
    pass

def test_stubborn():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note()
    note(subprocess.Popen(SLEEP).pid)
    note(subprocess.Popen(SLEEP, start_new_session=True).pid)
    daemon()
    UNMARKED
    time.sleep(120)
"""
MARKED = STUBBORN.replace("UNMARKED", "")
ORPHAN = (
    """subprocess.Popen(["/bin/sh", "-c", '"$@" & echo $! >> pids', "sh", *SLEEP], start_new_session=True, env={})"""
)
PATIENT = (
    "import time\ndef test_before(): pass\ndef test_slow():\n    open('started', 'w').close()\n    time.sleep(60)\n"
)


def pids(project: SmallProject) -> list[int]:
    path = project.root / "pids"
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def all_started(project: SmallProject) -> list[int]:
    return until(lambda: len(found := pids(project)) == 4 and found, "every process of the test")


def partial_with(project: SmallProject, text: str) -> Path | None:
    """The partial folder whose stream holds a text by now."""
    for partial in project.partial():
        events = partial / "events.jsonl"
        if events.exists() and text in events.read_text():
            return partial
    return None


def test_the_time_limit_ends_every_process_that_the_test_started(project: SmallProject) -> None:
    project.write("test_it.py", STUBBORN.replace("UNMARKED", ORPHAN))
    done = project.run("run", str(project.plan({"pytest": {"timeout": 3, "grace": 0.2}})))
    assert done.code == 1
    assert len(pids(project)) == 5
    assert [pid for pid in pids(project) if alive(pid)] == []
    evidence = project.only()
    assert (evidence.status, evidence.exit_code) == ("timeout", -9)
    assert evidence.manifest["in_flight"] == ["test_it.py::test_stubborn"]
    assert "test_before" in evidence.text("pytest.xml")
    assert verify_folder(evidence.path) == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
def test_an_interrupt_keeps_what_there_is(project: SmallProject, signum: signal.Signals) -> None:
    project.write("test_it.py", PATIENT)
    process = project.start("run", str(project.plan({"id": "A"}, {"id": "B"})))
    until(lambda: (project.root / "started").exists(), "the slow test")
    process.send_signal(signum)
    done = finish(process)
    assert done.code == 130
    assert "Traceback" not in done.err
    evidence = project.only()
    assert (evidence.status, evidence.exit_code) == ("interrupted", 2)
    assert evidence.manifest["in_flight"] == ["test_it.py::test_slow"]
    assert "interrupted by the user" in evidence.faults
    assert verify_folder(evidence.path) == []
    assert project.evidence("B") == []  # the next phase is not begun


def test_a_second_interrupt_does_not_wait_for_the_grace(project: SmallProject) -> None:
    project.write("test_it.py", MARKED)
    process = project.start("run", str(project.plan({"pytest": {"grace": 60}})))
    all_started(project)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    assert finish(process).code == 130
    assert time.monotonic() - begin < 15
    assert [pid for pid in pids(project) if alive(pid)] == []
    assert (project.only().status, project.only().exit_code) == ("interrupted", -9)


def test_a_signal_that_the_caller_ignores_does_not_interrupt(project: SmallProject) -> None:
    # as under nohup, and for the background jobs of a script
    project.write("test_it.py", "import time\ndef test_a():\n    open('started', 'w').close()\n    time.sleep(0.8)\n")
    ignoring = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    process = project.start("run", str(project.plan()), preexec=ignoring)
    until(lambda: (project.root / "started").exists(), "the test")
    process.send_signal(signal.SIGHUP)
    assert (finish(process).code, project.only().status) == (0, "complete")


def test_a_killed_runner_takes_pytest_with_it_and_the_next_run_seals_what_is_left(project: SmallProject) -> None:
    project.write("test_it.py", MARKED)
    project.write("test_ok.py", "def test_ok(): pass")
    plan = project.plan({"id": "A"}, {"id": "B", "pytest": {"select": ["test_ok.py"]}}, env={"MY_TOKEN": "hush-hush"})
    process = project.start("run", str(plan))
    started = all_started(project)
    (partial,) = project.partial()
    process.kill()
    finish(process)
    until(lambda: not alive(started[0]), "the end of pytest with its runner")
    assert project.evidence() == []
    before = {path.name: path.read_bytes() for path in partial.iterdir() if path.name.startswith("events")}

    done = project.run("run", str(plan), "--phase", "B")
    assert done.code == 0
    assert f"sealed what a killed run had left: {partial.parent.relative_to(project.root)}" in done.err
    assert [pid for pid in started if alive(pid)] == []
    assert project.partial() == []
    evidence = project.only("A")
    assert evidence.status == "interrupted"
    assert evidence.manifest["in_flight"] == ["test_it.py::test_stubborn"]
    assert "in flight" in evidence.text("pytest.xml")
    assert {name: (evidence.path / name).read_bytes() for name in before} == before
    assert not any(b"hush-hush" in path.read_bytes() for path in evidence.path.iterdir())
    assert verify_folder(evidence.path) == []


def test_verify_seals_what_a_killed_runner_left(project: SmallProject) -> None:
    project.write("test_it.py", PATIENT)
    process = project.start("run", str(project.plan()))
    until(lambda: (project.root / "started").exists(), "the slow test")
    (partial,) = project.partial()
    assert "still running" in project.run("verify", "reports").out  # and not sealed under the runner's feet
    process.kill()
    finish(process)
    done = project.run("verify", str(partial), "--json")
    assert done.code == 0
    said = json.loads(done.out)
    assert [Path(path).name for path in said["sealed"]] == [partial.name.removeprefix(".").removesuffix(".partial")]
    assert project.only().manifest["in_flight"] == ["test_it.py::test_slow"]


def test_a_runner_killed_before_pytest_said_anything_leaves_sound_evidence(project: SmallProject) -> None:
    project.write("test_it.py", "def test_a(): pass")
    project.write("sitecustomize.py", "import os, time\nif 'PYTEST_SLOW_START' in os.environ: time.sleep(60)")
    slow = {"PYTHONPATH": str(project.root), "PYTEST_SLOW_START": None}
    process = project.start("run", str(project.plan(env={"PYTEST_SLOW_START": "1"})), env=slow)
    until(lambda: list(project.root.rglob("child.json")), "the start of pytest")
    process.kill()
    finish(process)
    assert project.run("verify", "reports").code == 0
    evidence = project.only()
    assert (evidence.status, evidence.exit_code) == ("interrupted", -9)
    assert "not seen" in evidence.text("summary.md")


def test_a_folder_that_cannot_be_sealed_does_not_keep_the_next_run(project: SmallProject) -> None:
    project.write("test_it.py", "def test_a(): pass")
    broken = project.root / "reports" / "phase_a" / ".20200101T000000Z.partial"
    broken.mkdir(parents=True)
    (broken / "running.json").write_text("{}")
    (broken / "task.json").write_text('{"schema": "gradtriage.task/99"}')
    done = project.run("run", str(project.plan()))
    assert done.code == 0
    assert "task/99" in done.err
    assert (broken / "task.json").exists()
    assert project.run("verify", "reports").code == 1


def test_two_commands_that_seal_at_once_do_not_get_into_each_others_way(project: SmallProject) -> None:
    project.write("test_it.py", PATIENT)
    process = project.start("run", str(project.plan()))
    until(lambda: (project.root / "started").exists(), "the slow test")
    process.kill()
    finish(process)
    for done in [finish(p) for p in [project.start("verify", "reports") for _ in range(4)]]:
        assert done.code == 0, done
    assert project.only().status == "interrupted"
    assert [path.name for path in (project.root / "reports" / "phase_a").iterdir()] == [project.only().path.name]


def test_a_killed_pytest_with_a_child_that_holds_the_output_open_does_not_hang(project: SmallProject) -> None:
    project.write(
        "test_it.py",
        "import subprocess, sys\n"
        "def test_a():\n"
        "    child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(120)'],"
        " start_new_session=True)\n"
        "    open('pids', 'w').write(str(child.pid))\n",
    )
    begin = time.monotonic()
    done = project.run("run", str(project.plan({"pytest": {"args": ["-s"]}})))
    assert time.monotonic() - begin < 20
    assert done.code == 0
    assert [pid for pid in pids(project) if alive(pid)] == []
    assert project.only().json("ending.json")["left_processes"] == 1


def test_an_interrupt_while_the_folder_is_sealed_loses_nothing(project: SmallProject) -> None:
    # the runner dies between the end of pytest and the manifest: how pytest ended is known and is not lost
    from gradtriage.evidence.folder import PartialFolder, partial_folders
    from gradtriage.run.seal import seal_all_abandoned

    project.write("test_it.py", "def test_a(): assert 0")
    project.run("run", str(project.plan()))
    sealed = project.only().path
    for name in ("manifest.json", "summary.md", "criteria.json", "gradients.json"):
        (sealed / name).unlink()
    partial = sealed.rename(sealed.with_name(f".{sealed.name}.partial"))
    os.utime(partial, (0, 0))
    assert [p.path for p in partial_folders(project.root)] == [PartialFolder(partial, sealed.name).path]
    assert seal_all_abandoned(project.root, pytest.fail) == [sealed]
    assert (project.only().status, project.only().exit_code) == ("complete", 1)
