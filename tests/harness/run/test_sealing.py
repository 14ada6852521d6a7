"""What lies in a folder when it is sealed: JUnit files that are none, links, pipes, leftovers."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtriage.evidence.folder import PartialFolder
from gradtriage.evidence.junit import read_junit
from gradtriage.model.documents import Manifest
from gradtriage.run.seal import seal
from gradtriage.verify import verify_folder
from tests.support.capture import GREEN, ending, unsealed
from tests.support.evidence_check import evidence_faults


def to_a_link(path: Path) -> None:
    elsewhere = path.parent.parent / "elsewhere.xml"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def to_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "within").write_text("x")


def to_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def to_a_dead_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nowhere")


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda path: path.unlink(), "pytest.xml: is missing; the file here is rebuilt"),
        (to_a_link, "pytest.xml: is missing; the file here is rebuilt"),
        (to_a_dead_link, "pytest.xml: is missing; the file here is rebuilt"),
        (to_a_pipe, "pytest.xml: is missing; the file here is rebuilt"),
        (to_a_folder, "pytest.xml: is no regular file; the file here is rebuilt"),
        (lambda path: path.write_text(GREEN[:150]), "pytest.xml: not whole XML"),
        (lambda path: path.write_text("<x/>"), "no test ran"),
    ],
    ids=["missing", "link", "dead-link", "pipe", "folder", "cut-off", "without-tests"],
)
def test_a_junit_file_that_is_none_is_replaced_and_named(tmp_path: Path, spoil: Callable, fault: str) -> None:
    partial = unsealed(tmp_path)
    spoil(partial.path / "pytest.xml")
    folder = seal(partial, ending())
    manifest = Manifest.read(folder / "manifest.json")
    assert manifest.status == "incomplete"
    assert any(one.startswith(fault) for one in manifest.faults), manifest.faults
    assert verify_folder(folder) == []
    assert evidence_faults(folder) == []
    assert read_junit(folder / "pytest.xml").tests == (0 if fault == "no test ran" else 1)


def test_links_and_pipes_of_a_test_are_no_evidence_and_its_files_are(tmp_path: Path) -> None:
    partial = unsealed(tmp_path)
    (partial.path / "of-the-test" / "deep").mkdir(parents=True)
    (partial.path / "of-the-test" / "deep" / "plot.png").write_bytes(b"png")
    (partial.path / "of-the-test" / "link").symlink_to("/etc/passwd")
    (partial.path / "dead").symlink_to("nowhere")
    os.mkfifo(partial.path / "pipe")
    folder = seal(partial, ending())
    names = [entry.path for entry in Manifest.read(folder / "manifest.json").files]
    assert "of-the-test/deep/plot.png" in names
    assert not {"of-the-test/link", "dead", "pipe"} & {p.relative_to(folder).as_posix() for p in folder.rglob("*")}
    assert verify_folder(folder) == []


def test_half_written_files_and_the_pins_values_do_not_stay(tmp_path: Path) -> None:
    partial = unsealed(tmp_path)
    for name in (".summary.md.new", ".manifest.json.new", "request.json"):
        (partial.path / name).write_text("hush")
    folder = seal(partial, ending())
    assert not any(b"hush" in path.read_bytes() for path in folder.iterdir())
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
    assert verify_folder(folder) == []


def test_a_folder_sealed_twice_is_the_same(tmp_path: Path) -> None:
    folder = seal(unsealed(tmp_path), ending())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    partial = folder.rename(folder.with_name(f".{folder.name}.partial"))
    again = seal(PartialFolder(partial, folder.name), ending())
    assert {path.name: path.read_bytes() for path in again.iterdir()} == before
