"""What a user can get wrong is one line on stderr that names the file, the key and the remedy; exit code 2."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gradtriage.cli import COMMANDS, main
from tests.support.projects import SmallProject

HEAD = "schema: gradtriage.plan/1\ninitiative: X-1\nreports: reports\n"
PHASES = "phases:\n  - id: A\n    pytest: {select: [test_it.py]}\n"


def chunk(text: str) -> str:
    return f"{HEAD}phases:\n  - id: A\n    pytest: {{select: [t.py], {text}}}\n"


def criterion(check: str) -> str:
    return f"{HEAD}{PHASES}    criteria:\n      - {{id: A1, text: x, check: {check}}}\n"


ALIAS_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

# plan, and what the line must say (after the file's name)
WRONG_PLANS = {
    "unknown-key": (HEAD + "phase:\n" + PHASES, ":4: phase: unknown key; did you mean 'phases'?"),
    "unknown-key-in-phase": (
        HEAD + PHASES + "    criterias: []\n",
        ":7: phases[0].criterias: unknown key; did you mean 'criteria'?",
    ),
    "unknown-key-in-chunk": (chunk("timout: 3"), ":6: phases[0].pytest.timout: unknown key; did you mean 'timeout'?"),
    "unlike-any-key": (HEAD + "zzz: 1\n" + PHASES, ":4: zzz: unknown key; known keys: schema, initiative"),
    "unknown-name": (criterion("exit_cod == 1"), "unknown name exit_cod; did you mean exit_code?"),
    "unknown-field": (
        criterion("gradients.maxabs < 1"),
        "unknown name gradients.maxabs; did you mean gradients.max_abs?",
    ),
    "field-of-a-figure": (criterion("exit_code.bit_length"), "exit_code has no field 'bit_length'"),
    "assignment": (criterion("exit_code = 1"), "is no expression"),
    "code-in-a-check": (criterion("\"__import__('os').system('x')\""), "criteria[0].check"),
    "unquoted-number": (
        HEAD + "env: {CUDA_VISIBLE_DEVICES: -1}\n" + PHASES,
        'CUDA_VISIBLE_DEVICES: -1 is not text; put the value in quotes ("-1")',
    ),
    "unquoted-boolean": (HEAD + "env: {FLAG: yes}\n" + PHASES, "put the value in quotes"),
    "name-of-no-variable": (HEAD + 'env: {"A B": "1"}\n' + PHASES, ":4: env.A B"),
    "null-in-a-value": (HEAD + 'env: {A: "x\\0y"}\n' + PHASES, "null character"),
    "wrong-type": (chunk("timeout: soon"), ":6: phases[0].pytest.timeout: "),
    "boolean-for-number": (chunk("timeout: true"), ":6: phases[0].pytest.timeout: "),
    "negative-time": (chunk("timeout: -1"), ":6: phases[0].pytest.timeout: "),
    "endless-time": (chunk("timeout: .inf"), ":6: phases[0].pytest.timeout: "),
    "no-number": (chunk("grace: .nan"), ":6: phases[0].pytest.grace: "),
    "list-for-text": (HEAD.replace("X-1", "[X]") + PHASES, ":2: initiative: "),
    "text-for-list": (HEAD + "phases: A\n", ":4: phases: "),
    "no-phases": (HEAD + "phases: []\n", ":4: phases: "),
    "missing-key": ("schema: gradtriage.plan/1\n" + PHASES, ": initiative: is missing"),
    "missing-select": (HEAD + "phases: [{id: A, pytest: {}}]\n", "phases[0].pytest.select: is missing"),
    "no-pytest": (HEAD + "phases: [{id: A}]\n", "phase 'A' has no 'pytest'"),
    "option-as-test": (HEAD + "phases: [{id: A, pytest: {select: [-x]}}]\n", "options belong under 'args'"),
    "takes-the-capture": (chunk("args: [--junitxml=x]"), "is set by the runner; take it out"),
    "takes-the-plugin": (chunk("args: [-p, 'no:gradtriage']"), "would switch off the capture"),
    "twice-the-phase": (HEAD + PHASES + "  - id: a\n    pytest: {select: [t.py]}\n", "phase id 'a' stands twice"),
    "needs-nobody": (HEAD + PHASES + "    needs: [B]\n", "needs 'B', which is no phase before it"),
    "next-nobody": (HEAD + PHASES + "    next: [B]\n", "names 'B' as next"),
    "folder-as-id": (HEAD + PHASES.replace("id: A", "id: ../../x"), ":5: phases[0].id: "),
    "newer-schema": (HEAD.replace("/1", "/2") + PHASES, "is 'gradtriage.plan/2'; this version reads"),
    "no-schema": (PHASES, "schema: is None"),
    "key-twice": (HEAD + "title: a\ntitle: b\n" + PHASES, ":5: key 'title' stands twice"),
    "list-as-key": (HEAD + "? [a, b]\n: c\n" + PHASES, ":4: key"),
    "null-as-key": (HEAD + "~: c\n" + PHASES, ":4"),
    "boolean-as-key": (HEAD + 'env: {NO: "1"}\n' + PHASES, ":4: key 'NO' is no text; put it in quotes"),
    "line-break-in-a-key": (HEAD + '"a\\nb": c\n' + PHASES, "unknown key"),
    "not-yaml": (HEAD + "phases: [\n", ": not YAML: "),
    "tab": (HEAD + "\tphases: 1\n", ": not YAML: "),
    "two-documents": (HEAD + PHASES + "---\n" + HEAD, ": not YAML: "),
    "no-mapping": ("- a\n- b\n", "a plan is a mapping"),
    "empty": ("", "a plan is a mapping"),
    "object": (HEAD + "title: !!python/object/apply:os.system ['touch owned']\n" + PHASES, ": not YAML: "),
    "impossible-date": (HEAD + "title: 2026-13-45\n" + PHASES, "not YAML"),
    "date": (HEAD + "title: 2026-01-02\n" + PHASES, ":4: title: "),
    "alias-bomb": (ALIAS_BOMB, "aliases that multiply are refused"),
    "recursion": (HEAD + "title: &a [*a]\n" + PHASES, "plan.yaml"),
    "deep": (HEAD + "title: " + "[" * 5000 + "]" * 5000 + "\n", "nested too deeply"),
    "huge-number": (chunk("timeout: " + "9" * 5000), "plan.yaml"),
    "binary": (HEAD + "title: \x00\n", "not YAML"),
}  # fmt: skip


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Calls the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def called(*args: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(list(args))
        return Said(int(ended.value.code or 0), *capsys.readouterr())

    return called


@pytest.mark.parametrize(("text", "said"), WRONG_PLANS.values(), ids=list(WRONG_PLANS))
def test_a_wrong_plan_is_one_line_with_file_key_and_remedy(call, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "plan.yaml").write_text(text)
    done = call("run", "plan.yaml")
    assert done.code == 2
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("gradtriage: plan.yaml")
    assert said in done.err
    assert len(done.err) < 600
    assert {path.name for path in tmp_path.iterdir()} == {"plan.yaml"}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("run", "missing.yaml"), "missing.yaml: No such file or directory"),
        (("run", "."), ".: Is a directory"),
        (("run", "plan.yaml", "--phase", "Z"), "plan.yaml: has no phase 'Z'; its phases are A"),
        (("run",), "Missing argument 'PLAN'"),
        (("run", "plan.yaml", "--fase", "A"), "No such option"),
        (("rum", "plan.yaml"), "No such command 'rum'"),
        (("verify", "nowhere"), "nowhere"),
        (("verify", "."), "holds no evidence"),
        (("init", "--", "-x"), "is no test"),
        ((), "Missing command"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, tuple) else "",
)
def test_a_wrong_command_is_one_line(call, tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    (tmp_path / "plan.yaml").write_text(HEAD + PHASES)
    done = call(*args)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gradtriage.toml", "pyton = 'x'", "pyton: unknown key; did you mean 'python'?"),
        ("gradtriage.toml", "reports = 3", "reports: "),
        ("gradtriage.toml", "reports = ", "not TOML"),
        ("pyproject.toml", "[tool.gradtriage]\nlegder = 'x'", "legder: unknown key; did you mean 'ledger'?"),
        ("pyproject.toml", "[tool]\ngradtriage = 3", "gradtriage"),
        ("gradtriage.toml", "\x00", "not TOML"),
    ],
    ids=["typo", "type", "broken", "typo-in-pyproject", "no-table", "binary"],
)
def test_wrong_settings_are_one_line(call, tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "plan.yaml").write_text(HEAD + PHASES)
    done = call("run", "plan.yaml")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert name in done.err
    assert said in done.err


def test_debug_shows_where_an_error_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gradtriage.errors import PlanError

    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlanError):
        main(["--debug", "run", "missing.yaml"])


def test_the_real_command_ends_with_two_and_one_line(project: SmallProject) -> None:
    project.write("plan.yaml", HEAD + "phase:\n" + PHASES)
    done = project.run("run", "plan.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.err == "gradtriage: plan.yaml:4: phase: unknown key; did you mean 'phases'?\n"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help_with_an_example(call, command: str) -> None:
    done = call(*command.split(), "--help")
    assert done.code == 0
    assert "Example:" in done.out
    assert "\\b" not in done.out


@pytest.mark.parametrize(
    ("green", "check", "code"),
    [(True, "exit_code == 0", 0), (True, "exit_code == 1", 1), (False, "exit_code == 1", 0), (False, "True", 0)],
    ids=["green-as-expected", "green-and-unmet", "red-as-expected", "red-without-a-figure"],
)
def test_the_exit_code_follows_the_criteria(project: SmallProject, green: bool, check: str, code: int) -> None:
    project.write("test_it.py", f"def test_a(): assert {green}\n")
    plan = project.plan({"criteria": [{"id": "A1", "text": "as the plan says", "check": check}]})
    done = project.run("run", str(plan))
    assert done.code == code
    assert ("✓ A1 as the plan says" in done.out) is (code == 0)
    assert ("- [x] **A1** as the plan says" in project.only().text("summary.md")) is (code == 0)


def test_a_phase_whose_need_is_not_met_is_not_run(project: SmallProject) -> None:
    project.write("test_it.py", "def test_a(): pass\n")
    unmet = {"id": "A", "criteria": [{"id": "A1", "text": "", "check": "exit_code == 1"}]}
    plan = str(project.plan(unmet, {"id": "B", "needs": ["A"]}, {"id": "C"}))
    done = project.run("run", plan)
    assert done.code == 1
    assert "Phase B: not run; it needs phase A" in done.out
    assert [len(project.evidence(phase)) for phase in "ABC"] == [1, 0, 1]
