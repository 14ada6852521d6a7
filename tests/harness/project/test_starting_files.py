"""`gradtriage init`: a plan, a ledger and settings for somebody else's project; what was there stays."""

from pathlib import Path

import pytest

from gradtriage.model.plan_file import read_plan
from gradtriage.model.settings import find_project
from gradtriage.project.starting_files import own_tests, write_starting_files
from gradtriage.triage.checks import compile_check
from tests.support.projects import SmallProject


def test_the_files_are_a_plan_a_ledger_and_settings_that_we_read(tmp_path: Path) -> None:
    written = write_starting_files(tmp_path, (), ())
    assert [(file.path.relative_to(tmp_path).as_posix(), file.new) for file in written] == [
        ("plans/gradients.yaml", True),
        ("fix_plan.md", True),
        ("gradtriage.toml", True),
    ]
    assert find_project(tmp_path / "plans").root == tmp_path
    plan = read_plan(tmp_path / "plans" / "gradients.yaml", compile_check)
    assert plan.chunk("A").select == ["."]
    assert f"[{plan.initiative}]" in (tmp_path / "fix_plan.md").read_text()


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "fix_plan.md").write_text("mine")
    (tmp_path / "pyproject.toml").write_text("[tool.gradtriage]\nreports = 'out'\n")
    written = write_starting_files(tmp_path, (), ())
    assert (tmp_path / "fix_plan.md").read_text() == "mine"
    assert {file.path.name: file.new for file in written} == {"gradients.yaml": True, "fix_plan.md": False}
    assert not any(file.new for file in write_starting_files(tmp_path, (), ()))


@pytest.mark.parametrize(
    "select",
    [
        "tests/test_x.py::test_y[a-b]",
        'it\'s "quoted".py',
        "a: b # c.py",
        "ünï ☃.py",
        "{a}",
        "*x",
        "&y",
        "yes",
        "1.5",
        "null",
    ],
)
def test_any_test_can_be_selected(tmp_path: Path, select: str) -> None:
    write_starting_files(tmp_path, (select,), ("--pyargs",))
    chunk = read_plan(tmp_path / "plans" / "gradients.yaml", compile_check).chunk("A")
    assert (chunk.select, chunk.args) == ([select], ["--tb=short", "--pyargs"])


@pytest.mark.parametrize("name", ["project", "my project", "2024", "---", "ünï", "a.b_c", "null"])
def test_any_folder_has_a_name_for_its_initiative(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    root.mkdir()
    write_starting_files(root, (), ())
    assert read_plan(root / "plans" / "gradients.yaml", compile_check).initiative.endswith("-001")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ["."]),
        ({"tests/x.py": ""}, ["tests"]),
        ({"test/x.py": ""}, ["test"]),
        ({"pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['a', 'b']", "a/x": "", "b/x": ""}, ["a", "b"]),
        ({"pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = 'a b'", "a/x": ""}, ["a"]),
        ({"pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = 3", "tests/x": ""}, ["tests"]),
        ({"pyproject.toml": "[tool]\npytest = 3", "tests/x": ""}, ["tests"]),
        ({"pyproject.toml": "tool = 3", "tests/x": ""}, ["tests"]),
        ({"pyproject.toml": "broken", "tests/x": ""}, ["tests"]),
    ],
    ids=["nothing", "tests", "test", "list", "text", "number", "no-table", "no-tools", "broken"],
)
def test_the_projects_own_tests_are_found(tmp_path: Path, files: dict[str, str], expected: list[str]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert own_tests(tmp_path) == expected
    assert write_starting_files(tmp_path, (), ())[0].new


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "/reports/\n"),
        ("*.pyc", "*.pyc\n/reports/\n"),
        ("*.pyc\n", "*.pyc\n/reports/\n"),
        ("reports\n", "reports\n"),
        ("/reports/\n", "/reports/\n"),
    ],
    ids=["none", "no-line-end", "other", "there", "there-anchored"],
)
def test_git_ignores_the_reports(tmp_path: Path, before: str | None, after: str) -> None:
    (tmp_path / ".git").mkdir()
    if before is not None:
        (tmp_path / ".gitignore").write_text(before)
    write_starting_files(tmp_path, (), ())
    assert (tmp_path / ".gitignore").read_text() == after


def test_from_nothing_to_evidence(project: SmallProject) -> None:
    project.write("tests/test_it.py", "def test_a(): pass\n")
    project.write("src/pkg/__init__.py", "")
    assert project.run("init").code == 0
    done = project.run("run", "plans/gradients.yaml", "-q")
    assert done.code == 0, done.out + done.err
    assert project.only(reports="reports/gradients").status == "complete"
    assert project.run("verify", "reports").code == 0
