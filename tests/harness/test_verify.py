"""`verify` finds every byte that was changed after the seal, and every figure that does not follow from the capture."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradtriage.verify import verify_folder
from tests.support.capture import entry, record, sealed, zero

FILES = (
    "command.txt", "criteria.json", "ending.json", "environment.json", "events.jsonl", "exit_code.txt",
    "gradients.json", "pytest.log", "pytest.xml", "summary.md", "task.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    criteria = [
        {"id": "A1", "text": "It is green", "check": "exit_code == 0 and gradients.count == 2"},
        {"id": "A2", "text": "It is red", "check": "exit_code == 1"},
    ]
    gradients = record({"cell_a": zero(), "cell_b": entry(value=0.125)}, loss=983760.69)
    return sealed(tmp_path_factory.mktemp("evidence"), gradients, criteria=criteria, pins={"PIN": None})


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "phase_a" / original.name))


def reseal(folder: Path) -> None:
    """Makes the manifest fit the files again, as a forger would."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    manifest["files"] = [
        {"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name in names
        if name != "manifest.json"
        for data in [(folder / name).read_bytes()]
    ]
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def edit(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    def edited(folder: Path) -> None:
        document = json.loads((folder / name).read_text())
        change(document)
        (folder / name).write_text(json.dumps(document))

    return edited


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def replaced(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return replaced


def test_a_folder_as_it_was_sealed_is_whole(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "manifest.json"])
    assert verify_folder(folder) == []


def test_a_forger_who_changes_nothing_is_not_found_out(folder: Path) -> None:
    reseal(folder)
    assert verify_folder(folder) == []


def test_a_figure_typed_by_hand_is_found_in_a_page_of_another_version_too(folder: Path) -> None:
    for name in ("task.json", "manifest.json"):
        edit(name, lambda document: document.update(tool_version="0.0.1"))(folder)
    reseal(folder)
    assert verify_folder(folder) == []
    replace("summary.md", "983760.69", "15,819,040")(folder)
    reseal(folder)
    assert verify_folder(folder) == ["summary.md: 15,819,040 stands in none of the files beside it"]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def to_a_link(path: Path) -> None:
    elsewhere = path.parent.parent / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def to_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def to_a_dead_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "one-bit": flip,
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "cut-off": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "emptied": lambda path: path.write_bytes(b""),
    "binary": lambda path: path.write_bytes(b"\xff\xfe\x00" * 9),
    "deleted": lambda path: path.unlink(),
    "link": to_a_link,
    "dead-link": to_a_dead_link,
    "folder": to_a_folder,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_any_damage_to_any_file_is_found(folder: Path, name: str, damage: Callable[[Path], object]) -> None:
    damage(folder / name)
    faults = verify_folder(folder)
    # a wrong hash in the manifest speaks against the file that it is of
    assert faults
    assert name == "manifest.json" or any(name in fault for fault in faults), faults
    assert all(len(fault.splitlines()) == 1 for fault in faults)


@pytest.mark.parametrize("name", ["more.txt", ".hidden", "sub/folder/file", "pytest.xml.bak"])
def test_a_file_that_was_added_is_found(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("")
    assert verify_folder(folder) == [f"{name}: is not in the manifest"]


FORGERIES: dict[str, tuple[Callable[[Path], None], str]] = {
    "figure-in-the-page": (replace("summary.md", "983760.69", "15819040"), "summary.md: is not the page"),
    "box-in-the-page": (replace("summary.md", "- [ ] **A2**", "- [x] **A2**"), "summary.md: is not the page"),
    "loss": (edit("gradients.json", lambda d: d["records"][0].update(loss=1.0)), "gradients.json: does not follow"),
    "gradient": (
        edit("gradients.json", lambda d: d["records"][0]["gradients"]["cell_a"].update(status="ok", value=1.0)),
        "gradients.json: does not follow",
    ),
    "gradient-taken-out": (edit("gradients.json", lambda d: d["records"].clear()), "gradients.json: does not follow"),
    "criterion-met": (edit("criteria.json", lambda d: d["criteria"][1].update(met=True)), "A2 says True"),
    "criterion-measured": (
        edit("criteria.json", lambda d: d["criteria"][0]["measured"].update(exit_code=1)),
        "A1 says True with",
    ),
    "criterion-text": (edit("criteria.json", lambda d: d["criteria"][1].update(text="It is green")), "A2 is not the"),
    "criterion-check": (
        edit("criteria.json", lambda d: d["criteria"][1].update(check="exit_code == 0")),
        "A2 is not the criterion that was asked",
    ),
    "criterion-taken-out": (edit("criteria.json", lambda d: d["criteria"].pop()), "does not hold the criteria"),
    "commit": (edit("environment.json", lambda d: d.update(commit="f" * 40)), "environment.json: does not follow"),
    "pin": (
        edit("environment.json", lambda d: d["pins"]["PIN"].update(at_start="1")),
        "environment.json: does not follow",
    ),
    "exit-code": (replace("exit_code.txt", "0", "1"), "exit_code.txt: is not the 0"),
    "no-exit-code": (replace("exit_code.txt", "0", ""), "exit_code.txt: is not the 0"),
    "command": (replace("command.txt", "pytest", "pytest -x"), "command.txt: is not the command"),
    "outcome": (
        replace("pytest.xml", 'time="0.25"/>', 'time="0.25"><failure message="x"/></testcase>'),
        "the manifest says complete, the files say incomplete",
    ),
    "tests-taken-out": (
        replace("pytest.xml", '<testcase classname="tests.test_it" name="test_a" time="0.25"/>', ""),
        "the manifest says complete",
    ),
    "events-taken-out": (lambda folder: (folder / "events.jsonl").write_text(""), "gradients.json: does not follow"),
    "task-of-another-check": (
        edit("task.json", lambda d: d["criteria"][1].update(check="no_such_name == 1")),
        "criteria.json: A2",
    ),
    "task-of-another-phase": (edit("task.json", lambda d: d.update(phase="B")), "manifest.json: phase is not"),
    "ended-later": (
        edit("ending.json", lambda d: d.update(end="2026-01-03T12:00:00+00:00")),
        "manifest.json: end is not",
    ),
    "status": (
        edit("manifest.json", lambda d: d.update(status="crashed")),
        "the manifest says crashed, the files say complete",
    ),
    "fault-made-up": (edit("manifest.json", lambda d: d.update(faults=["x"])), "the manifest's faults"),
    "in-flight-made-up": (edit("manifest.json", lambda d: d.update(in_flight=["x"])), "manifest.json: in_flight"),
    "initiative": (edit("manifest.json", lambda d: d.update(initiative="Y-2")), "manifest.json: initiative"),
    "times": (
        edit("manifest.json", lambda d: d.update(end="2025-01-01T00:00:00+00:00")),
        "before it begins",
    ),
    "no-time": (edit("manifest.json", lambda d: d.update(start="noon")), "manifest.json"),
    "time-without-zone": (edit("manifest.json", lambda d: d.update(start="2026-01-02T12:00:00")), "manifest.json"),
    "major": (edit("manifest.json", lambda d: d.update(schema="gradtriage.manifest/2")), "manifest/2"),
    "file-outside": (
        edit("manifest.json", lambda d: d["files"].append({"path": "../x", "bytes": 0, "sha256": "0" * 64})),
        "../x: is missing",
    ),
}


@pytest.mark.parametrize(("forge", "said"), FORGERIES.values(), ids=list(FORGERIES))
def test_a_consistent_forgery_is_found(folder: Path, forge: Callable[[Path], None], said: str) -> None:
    forge(folder)
    if said != "../x: is missing":
        reseal(folder)
    faults = verify_folder(folder)
    assert any(said in fault for fault in faults), faults


def test_a_renamed_folder_is_found(folder: Path) -> None:
    assert verify_folder(folder.rename(folder.with_name("20260102T120001Z"))) == [
        "the manifest's stamp 20260102T120000Z is not the folder's name"
    ]


def test_a_folder_renamed_together_with_its_manifest_is_found(folder: Path) -> None:
    stamp = "20260102T120001Z"
    edit("manifest.json", lambda d: d.update(stamp=stamp, start="2026-01-02T12:00:01+00:00"))(folder)
    faults = verify_folder(folder.rename(folder.with_name(stamp)))
    assert "manifest.json: stamp is not what the files say" in faults


def test_a_stamp_of_the_future_is_found(folder: Path) -> None:
    stamp = "29990102T120000Z"
    edit("manifest.json", lambda d: d.update(stamp=stamp, start="2999-01-02T12:00:00+00:00"))(folder)
    faults = verify_folder(folder.rename(folder.with_name(stamp)))
    assert f"the stamp {stamp} lies in the future" in faults


def test_a_stamp_that_is_not_the_second_of_the_start_is_found(folder: Path) -> None:
    edit("manifest.json", lambda d: d.update(start="2026-01-02T12:00:02+00:00"))(folder)
    assert any("is not the second in which the run began" in fault for fault in verify_folder(folder))


def test_a_page_of_another_version_is_said_to_be_of_another(folder: Path) -> None:
    # its wording cannot be derived again; who changes only the version in the manifest does not get away with that
    edit("manifest.json", lambda d: d.update(tool_version="0.0.9"))(folder)
    replace("summary.md", "983760.69", "15819040")(folder)
    reseal(folder)
    assert verify_folder(folder) != []


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_the_page_comes_out_the_same_whatever_the_hash_seed(tmp_path: Path, seed: str) -> None:
    import os
    import subprocess
    import sys

    records = [
        record({"w": gradient}, nodeid=f"t.py::test_{name}[{case}]", loss=1.0)
        for name in "abcdefgh"
        for case, gradient in (("off", zero()), ("on", entry()))
    ]
    folder = sealed(tmp_path, *records)
    script = (
        f"from pathlib import Path; from gradtriage.verify import verify_folder as v; print(v(Path({str(folder)!r})))"
    )
    env = {**os.environ, "PYTHONHASHSEED": seed}
    assert subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True).stdout == "[]\n"
