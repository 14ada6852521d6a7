"""A full disk loses no evidence that was there, and makes none up."""

import json
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from gradtriage.verify import verify_folder
from tests.support.evidence_check import evidence_faults
from tests.support.projects import COMMAND, SmallProject

LOUD = "def test_a(): pass\ndef test_b():\n    for _ in range({kilobytes}): print('x' * 1023)\n    assert 0\n"
LIMIT = 900 * 1024


def limited(size: int):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_log_that_does_not_fit_is_named_and_the_rest_is_kept(project: SmallProject) -> None:
    project.write("test_it.py", LOUD.format(kilobytes=3000))
    plan = project.plan({"pytest": {"args": ["-s"]}, "criteria": [{"id": "A1", "text": "", "check": "exit_code == 1"}]})
    done = project.run("run", str(plan), "-q", preexec=limited(LIMIT))
    assert done.code == 3
    assert "Traceback" not in done.err
    evidence = project.only()
    assert (evidence.status, evidence.exit_code) == ("incomplete", 1)
    assert "pytest.log: File too large" in evidence.faults
    assert (evidence.path / "pytest.log").stat().st_size == LIMIT
    assert [event["event"] for event in evidence.events()].count("test_end") == 2
    assert verify_folder(evidence.path) == []


def test_no_room_for_the_first_byte_is_one_line_and_leaves_nothing(project: SmallProject) -> None:
    project.write("test_it.py", "def test_a(): pass")
    done = project.run("run", str(project.plan()), preexec=limited(100 * 1024))
    assert done.code == 3
    assert len(done.err.splitlines()) == 1
    assert "free space" in done.err
    assert project.evidence() == project.partial() == []


# What runs in a mount namespace of its own, with `reports` on a file system of two megabytes: the test fills it, the
# reserve is taken away as another program would, so that nothing can be sealed; then there is room again.
SCENE = """
set -e
mount -t tmpfs -o size=2M tmpfs reports
set +e
"$@" run plan.yaml > first.out 2> first.err; echo $? > first.code
find reports -name .\\*.partial > first.left
rm -f reports/filler
"$@" verify reports > second.out 2> second.err; echo $? > second.code
cp -a reports kept
"""
FILLER = """
import os, pathlib
def test_kept(): pass
def test_fills_the_disk():
    for reserve in pathlib.Path("reports").rglob(".reserve"):
        reserve.unlink()
    with open("reports/filler", "wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True: file.write(b"x" * size)
            except OSError: pass
    assert 0
def test_after(): pass
"""


def can_mount(folder: Path) -> list[str] | None:
    """How to get a mount namespace here; None where the kernel gives us none."""
    for unshare in (["unshare", "-rm"], ["unshare", "-m"]):
        if shutil.which("unshare"):
            script = ["sh", "-c", "mkdir -p try && mount -t tmpfs tmpfs try"]
            if subprocess.run([*unshare, *script], cwd=folder, capture_output=True, check=False).returncode == 0:
                return unshare
    return None


def test_a_full_disk_keeps_the_capture_until_there_is_room_to_seal_it(project: SmallProject) -> None:
    unshare = can_mount(project.root)
    if unshare is None:
        pytest.skip("no mount namespaces here; the size limit above covers what can be covered")
    project.write("test_it.py", FILLER)
    project.write("reports/.keep", "")
    project.plan()
    project.write("scene.sh", SCENE)
    done = project.run("scene.sh", *COMMAND, command=[*unshare, "sh"])
    said = {name: (project.root / name).read_text() for name in ("first.code", "first.err", "first.left")}
    assert said["first.code"].strip() == "3", (done, said)
    assert len(said["first.err"].splitlines()) == 1
    assert "No space left" in said["first.err"]
    assert "nothing captured is lost" in said["first.err"]
    assert said["first.left"].strip().endswith(".partial")

    assert (project.root / "second.code").read_text().strip() == "0", (project.root / "second.err").read_text()
    (folder,) = (project.root / "kept" / "phase_a").iterdir()
    assert evidence_faults(folder) == verify_folder(folder) == []
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] in ("incomplete", "crashed")  # how pytest ended was noted, though nothing could be sealed
    assert manifest["faults"]
    assert json.loads((folder / "ending.json").read_text())["exit_code_source"] == "process"
    assert "test_kept" in (folder / "events.jsonl").read_text()


def test_the_reserve_lets_a_run_be_sealed_on_a_full_disk(project: SmallProject) -> None:
    unshare = can_mount(project.root)
    if unshare is None:
        pytest.skip("no mount namespaces here; the size limit above covers what can be covered")
    without_thief = FILLER.replace('pathlib.Path("reports").rglob(".reserve")', "()")
    project.write("test_it.py", without_thief)
    project.write("reports/.keep", "")
    project.plan()
    project.write("scene.sh", SCENE)
    project.run("scene.sh", *COMMAND, command=[*unshare, "sh"])
    assert (project.root / "first.left").read_text() == ""
    (folder,) = (project.root / "kept" / "phase_a").iterdir()
    assert evidence_faults(folder) == verify_folder(folder) == []
    assert json.loads((folder / "manifest.json").read_text())["status"] != "complete"


def test_a_reports_folder_that_cannot_be_written_is_one_line(project: SmallProject) -> None:
    unshare = can_mount(project.root)
    if unshare is None:
        pytest.skip("no mount namespaces here to make a folder read-only for root")
    project.write("test_it.py", "def test_a(): pass")
    project.write("reports/.keep", "")
    project.plan()
    scene = 'mount -t tmpfs -o ro tmpfs reports && exec "$@"'
    done = project.run("-c", scene, "sh", *COMMAND, "run", "plan.yaml", command=[*unshare, "sh"])
    assert done.code == 3
    assert len(done.err.splitlines()) == 1
    assert "reports" in done.err


def test_a_partial_folder_on_a_read_only_disk_is_one_line(project: SmallProject) -> None:
    unshare = can_mount(project.root)
    if unshare is None:
        pytest.skip("no mount namespaces here to make a folder read-only for root")
    partial = project.root / "reports" / "phase_a" / ".20200101T000000Z.partial"
    partial.mkdir(parents=True)
    (partial / "running.json").write_text("{}")
    scene = 'mount --bind reports reports && mount -o remount,ro,bind reports && exec "$@"'
    done = project.run("-c", scene, "sh", *COMMAND, "verify", "reports", command=[*unshare, "sh"])
    assert done.code == 3
    assert len(done.err.splitlines()) == 1
    assert "Read-only" in done.err


def test_a_terminal_that_takes_nothing_does_not_lose_the_evidence(project: SmallProject) -> None:
    project.write("test_it.py", "def test_a(): pass")
    with Path("/dev/full").open("w") as full:
        done = project.run("run", str(project.plan({"id": "A"}, {"id": "B"})), stdout=full)
    assert "Traceback" not in done.err
    assert project.only("A").status == project.only("B").status == "complete"
    assert done.code == 3
