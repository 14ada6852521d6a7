"""Runs that begin in the same second get stamps of their own, and none writes into another's folder."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gradtriage.errors import EvidenceError
from gradtriage.evidence.folder import open_partial, partial_folders
from gradtriage.run.seal import seal_all_abandoned
from gradtriage.verify import verify_folder
from tests.support.projects import SmallProject, finish

NOON = datetime(2026, 1, 2, 12, 0, 0, 250_000, tzinfo=UTC)


def test_two_runs_at_once_leave_two_sound_folders(project: SmallProject) -> None:
    project.write("test_it.py", "def test_a(): pass")
    plan = str(project.plan())
    started = [project.start("run", plan, "-q") for _ in range(4)]
    assert [finish(process).code for process in started] == [0] * 4
    found = project.evidence()
    assert len({evidence.path.name for evidence in found}) == 4
    assert all(verify_folder(evidence.path) == [] for evidence in found)
    assert project.partial() == []


def test_every_run_of_a_second_gets_the_next_number(tmp_path: Path) -> None:
    stamps = [open_partial(tmp_path, NOON).publish().name for _ in range(3)]
    assert stamps == ["20260102T120000Z", "20260102T120000Z-2", "20260102T120000Z-3"]


def test_runs_that_race_for_a_stamp_never_share_one(tmp_path: Path) -> None:
    def open_one(n: int) -> str:
        partial = open_partial(tmp_path, NOON)
        return (partial.publish() if n % 2 else partial.path).name

    with ThreadPoolExecutor(16) as pool:
        names = list(pool.map(open_one, range(60)))
    stamps = {name.removeprefix(".").removesuffix(".partial") for name in names}
    assert len(stamps) == 60


def test_a_sealed_folder_is_never_overwritten(tmp_path: Path) -> None:
    partial = open_partial(tmp_path, NOON)
    partial.final.mkdir()
    (partial.final / "summary.md").write_text("mine")
    with pytest.raises(EvidenceError, match="exists already"):
        partial.publish()
    assert (partial.final / "summary.md").read_text() == "mine"
    assert partial.path.exists()


def test_a_folder_whose_runner_is_just_moving_in_is_left_alone(tmp_path: Path) -> None:
    # made, and not yet said by whom: another command must not take it for the rest of a killed run
    moving_in = tmp_path / ".20260102T120000Z.partial"
    moving_in.mkdir()
    assert seal_all_abandoned(tmp_path, pytest.fail) == []
    assert moving_in.exists()


def test_a_folder_that_belongs_to_another_host_is_left_alone(tmp_path: Path) -> None:
    partial = open_partial(tmp_path, NOON)
    running = (partial.path / "running.json").read_text()
    (partial.path / "running.json").write_text(running.replace('"host": "', '"host": "not-'))
    assert seal_all_abandoned(tmp_path, pytest.fail) == []
    assert [found.path for found in partial_folders(tmp_path)] == [partial.path]


def test_a_process_with_the_number_of_a_dead_runner_is_not_taken_for_it(tmp_path: Path) -> None:
    from gradtriage.evidence.folder import is_alive
    from gradtriage.model.document import strict_json, to_json

    partial = open_partial(tmp_path, NOON)
    assert is_alive(partial)
    running = strict_json((partial.path / "running.json").read_text())
    (partial.path / "running.json").write_text(to_json({**running, "started": running["started"] - 60}))
    assert not is_alive(partial)
