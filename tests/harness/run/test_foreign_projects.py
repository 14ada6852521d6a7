"""Other people's projects: odd paths, settings of their own, interpreters without the package."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from gradtriage.verify import verify_folder
from tests.support.projects import SmallProject

TESTS = "def test_a(): pass\ndef test_b(): assert 1 == 2\ndef test_c(): pass\n"
EXPECTED = {"id": "A1", "text": "", "check": "exit_code == 1 and junit.tests == {} and junit.failures == 1"}


def expecting(tests: int) -> dict:
    return {"criteria": [{**EXPECTED, "check": EXPECTED["check"].format(tests)}]}


@pytest.mark.parametrize(
    "name",
    ["with a space and ünïcödé-日本", 'it\'s "quoted" & $(so) `on`', "-dash per%cent;semi {braces} *? #!~"],
    ids=["unicode", "quotes", "signs"],
)
def test_any_path_will_do(tmp_path: Path, name: str) -> None:
    project = SmallProject(tmp_path / name)
    project.write(f"{name}/test_it.py", TESTS)
    select = f"./{name}/test_it.py"
    plan = project.plan({"pytest": {"select": [select]}, **expecting(3)}, name=f"plan {name}.yaml", reports=f"r {name}")
    done = project.run("run", "--", str(plan.name))
    assert done.code == 0, done.err
    evidence = project.only(reports=f"r {name}")
    assert verify_folder(evidence.path) == []
    line = evidence.text("command.txt")
    pasted = subprocess.run(["sh", "-c", line], cwd=project.root, env=project.environment(), capture_output=True)
    assert pasted.returncode == 1
    assert b"1 failed, 2 passed" in pasted.stdout


def test_a_test_file_whose_name_is_no_utf8_is_captured_and_sealed(project: SmallProject) -> None:
    (project.root / "tests").mkdir()
    Path(project.root / "tests" / os.fsdecode(b"test_\xff_it.py")).write_text(TESTS)
    done = project.run("run", str(project.plan({"pytest": {"select": ["tests"]}})))
    assert "Traceback" not in done.err
    evidence = project.only()
    assert evidence.exit_code in (1, 2)
    assert verify_folder(evidence.path) == []


CONFIGS = {
    "no-cacheprovider": ("[pytest]\naddopts = -p no:cacheprovider\n", 3),
    "stops-at-first": ("[pytest]\naddopts = -x\n", 2),
    "old-junit": ("[pytest]\njunit_family = xunit1\njunit_suite_name = mine\n", 3),
    "own-junit": ("[pytest]\naddopts = --junitxml=mine.xml --color=yes -q -q\n", 3),
    "logging-in-junit": ("[pytest]\njunit_logging = all\nlog_cli = true\n", 3),
    "importlib": ("[pytest]\naddopts = --import-mode=importlib\n", 3),
    "strict": ("[pytest]\naddopts = --strict-markers --strict-config -W error\n", 3),
}


@pytest.fixture(scope="module")
def configured(shared_project) -> dict[str, SmallProject]:
    # pytest takes its settings from the rootdir, so each phase has one of its own
    project = shared_project("configured")
    phases = []
    for name, (config, tests) in CONFIGS.items():
        project.write(f"{name}/pytest.ini", config)
        project.write(f"{name}/test_it.py", TESTS)
        phases.append({"id": name, "pytest": {"select": [f"{name}/test_it.py"]}, **expecting(tests)})
    project.run("run", str(project.plan(*phases)), "-q")
    return project


@pytest.mark.parametrize("name", CONFIGS)
def test_settings_of_the_projects_own_do_not_get_into_the_way(configured: SmallProject, name: str) -> None:
    evidence = configured.only(name)
    assert evidence.status == "complete", evidence.faults
    assert [c["met"] for c in evidence.json("criteria.json")["criteria"]] == [True]
    assert verify_folder(evidence.path) == []


@pytest.mark.parametrize(
    ("options", "status", "exit_code", "fault"),
    [
        ("-p no:gradtriage", "complete", 1, ""),
        ("-p no:junitxml", "incomplete", 1, "pytest.xml: is missing"),
        ("--collect-only", "incomplete", 0, "no test ran"),
        ("--setup-plan", "incomplete", 0, "not called"),
        ("--deselect test_it.py::test_b", "complete", 0, ""),
        ("--junitxml=elsewhere.xml -p no:cacheprovider", "complete", 1, ""),
        ("--gradtriage-dir=elsewhere", "complete", 1, ""),
        ("--help", "incomplete", 0, "saw no session"),
        ("--nonsense", "incomplete", 4, "exit code 4"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("-") else "",
)
def test_options_from_the_environment_cannot_make_the_evidence_lie(
    project: SmallProject, options: str, status: str, exit_code: int, fault: str
) -> None:
    project.write("test_it.py", TESTS)
    project.run("run", str(project.plan()), "-q", env={"PYTEST_ADDOPTS": options})
    evidence = project.only()
    assert (evidence.status, evidence.exit_code) == (status, exit_code), evidence.faults
    assert fault in evidence.faults
    assert verify_folder(evidence.path) == []


def test_plugins_that_load_themselves_change_nothing(project: SmallProject) -> None:
    project.write("test_it.py", TESTS)
    done = project.run("run", str(project.plan(expecting(3))), env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": None})
    assert (done.code, project.only().status) == (0, "complete")


def test_a_stream_that_a_test_damages_makes_the_run_incomplete(project: SmallProject) -> None:
    lines = [
        '{"event": "gradient", "time": 1.0}', '{"event": "phase", "time": 2.0, "nodeid": 7}', "[1, 2", "\\x00\\xff",
        '{"event": "gradient", "time": NaN, "loss": NaN}', '{"event": "session_start", "time": 3.0, "snapshot": []}',
        '{"event": "test_end", "time": 1e300, "nodeid": "x"}', '{"event": "collected", "time": 4.0, "nodeids": [3]}',
    ]  # fmt: skip
    meddling = (
        "import pathlib\ndef test_meddles():\n    (path,) = pathlib.Path('reports').rglob('events.jsonl')\n"
        f"    with path.open('ab') as file:\n        for line in {lines!r}: file.write(line.encode() + b'\\n')\n"
    )
    project.write("test_it.py", meddling)
    done = project.run("run", str(project.plan()))
    assert "Traceback" not in done.err
    evidence = project.only()
    assert evidence.status == "incomplete"
    assert "lines of the event stream cannot be read" in evidence.faults
    assert verify_folder(evidence.path) == []


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has pytest and what it needs, and not this package."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    here = Path(sysconfig.get_path("purelib"))
    there = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
    wanted = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "typing_extensions.py", "py.py")
    for name in wanted:
        for found in [here / name, *here.glob(f"{name.removesuffix('.py')}-*.dist-info")]:
            if found.exists():
                (there / found.name).symlink_to(found)
    return folder / "venv" / "bin" / "python"


def test_an_interpreter_without_the_package_runs_the_tests(project: SmallProject, bare_python: Path) -> None:
    project.write("gradtriage.toml", f"python = {str(bare_python)!r}\n")
    project.write(
        "test_it.py",
        "import importlib.metadata, os, sys, pytest\n"
        "def test_bare():\n"
        f"    assert sys.executable == {str(bare_python)!r}\n"
        "    with pytest.raises(importlib.metadata.PackageNotFoundError): importlib.metadata.version('gradtriage')\n"
        "    assert os.environ['PIN'] == 'one'\n",
    )
    done = project.run("run", str(project.plan(env={"PIN": "one"})))
    assert done.code == 0, done.out + done.err
    evidence = project.only()
    assert evidence.status == "complete"
    assert evidence.json("environment.json")["torch"] is None
    assert evidence.json("environment.json")["pins"]["PIN"]["at_end"] == "one"
    assert str(bare_python) in evidence.text("command.txt")
    assert verify_folder(evidence.path) == []


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("no/such/python", "cannot be started"),
        ("/bin/true", "does not answer as a Python does"),
        ("venv/bin/python", "has no pytest"),
    ],
    ids=["missing", "no-python", "no-pytest"],
)
def test_an_interpreter_that_cannot_run_tests_is_one_line(project: SmallProject, program: str, said: str) -> None:
    if program.startswith("venv"):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", project.root / "venv"], check=True)
    project.write("gradtriage.toml", f"python = '{program}'\n")
    project.write("test_it.py", TESTS)
    done = project.run("run", str(project.plan()), env={"PYTHONOPTIMIZE": "1"})
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert said in done.err
    assert program in done.err
    assert project.evidence() == project.partial() == []
