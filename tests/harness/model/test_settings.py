"""Which project a folder belongs to, and what its settings are."""

from pathlib import Path

import pytest

from gradtriage.errors import PlanError
from gradtriage.model.settings import Settings, find_project


def test_without_settings_the_folder_itself_is_the_project(tmp_path: Path) -> None:
    project = find_project(tmp_path)
    assert (project.root, project.settings) == (tmp_path, Settings())


@pytest.mark.parametrize(
    ("name", "text"),
    [("gradtriage.toml", "reports = 'out'"), ("pyproject.toml", "[tool.gradtriage]\nreports = 'out'")],
    ids=["own-file", "pyproject"],
)
def test_the_nearest_folder_with_settings_is_the_project(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")  # says nothing of us
    project = find_project(below)
    assert (project.root, project.settings.reports, project.settings.ledger) == (tmp_path, "out", "fix_plan.md")


def test_the_own_file_goes_before_pyproject(tmp_path: Path) -> None:
    (tmp_path / "gradtriage.toml").write_text("reports = 'own'")
    (tmp_path / "pyproject.toml").write_text("[tool.gradtriage]\nreports = 'other'")
    assert find_project(tmp_path).settings.reports == "own"


def test_an_empty_own_file_marks_the_project(tmp_path: Path) -> None:
    (tmp_path / "gradtriage.toml").write_text("")
    (tmp_path / "below").mkdir()
    assert find_project(tmp_path / "below").root == tmp_path


@pytest.mark.parametrize("text", ["x = ", "\ufeff", b"\xff"], ids=["broken", "mark", "binary"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "gradtriage.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if text == "\ufeff":
        assert find_project(tmp_path).settings == Settings()  # some editors begin a file with a mark
    else:
        with pytest.raises(PlanError, match=r"gradtriage\.toml: not TOML"):
            find_project(tmp_path)


def test_places_by_design_are_files_with_or_without_a_function(tmp_path: Path) -> None:
    settings = tmp_path / "gradtriage.toml"
    settings.write_text("by_design = ['pkg/vq.py', 'pkg/flow.py::stop']")
    assert find_project(tmp_path).settings.by_design == ("pkg/vq.py", "pkg/flow.py::stop")
    for wrong in ("pkg.vq", "pkg/vq.py::", "pkg"):
        settings.write_text(f"by_design = ['pkg/vq.py', '{wrong}']")
        with pytest.raises(
            PlanError, match=r"gradtriage\.toml: by_design\.1: '.*' is no place; write 'package/module\.py'"
        ):
            find_project(tmp_path)
