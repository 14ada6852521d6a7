"""The cases of benchmarks/taxonomy are whole: projects that compile, and answers that can be looked up in them."""

import importlib.util
import sys
from pathlib import Path

import pytest

TAXONOMY = Path(__file__).resolve().parents[2] / "benchmarks" / "taxonomy"


@pytest.fixture(scope="module")
def cases():
    spec = importlib.util.spec_from_file_location("taxonomy_cases", TAXONOMY / "cases.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize("folder", ["bugs", "decoys"])
def test_every_case_is_python_without_its_marks(cases, folder):
    for case in cases.read(TAXONOMY / folder):
        assert len(case.files) == 2, case.name
        for name, text in case.files.items():
            compile(text, name, "exec")
            assert "#!" not in text, case.name


def test_every_row_of_bugs_has_three_forms(cases):
    rows = [case.row for case in cases.read(TAXONOMY / "bugs")]
    assert {row: rows.count(row) for row in set(rows) if rows.count(row) < 3} == {}


def test_causes_are_lines_of_the_files(cases):
    for case in cases.read(TAXONOMY / "bugs"):
        for file, line in case.causes:
            assert case.files[file].splitlines()[line - 1].strip(), case.name


def test_a_decoy_states_no_cause(cases):
    assert all(case.decoy and not case.causes for case in cases.read(TAXONOMY / "decoys"))


def test_a_mark_stands_for_its_whole_statement(cases, tmp_path):
    code = "def f(x):\n    return g(\n        x,  #!\n    )\n"
    test = "def test_f():\n    pass\n"
    (tmp_path / "row.md").write_text(
        f"# Row\n\n## name\n\nExpected: severed | partial; item\n\n```python\n# lib.py\n{code}```\n\n"
        f"```python\n# test_lib.py\n{test}```\n"
    )
    (case,) = cases.read(tmp_path)
    assert case.causes == {("lib.py", 2), ("lib.py", 3), ("lib.py", 4)}
    assert (case.verdicts, case.kinds, case.test) == (("severed", "partial"), ("item",), "test_lib.py::test_f")


def test_kinds_without_a_marked_line_are_refused(cases, tmp_path):
    (tmp_path / "row.md").write_text(
        "## name\n\nExpected: severed; item\n\n```python\n# test_lib.py\ndef test_f(): ...\n```\n"
    )
    with pytest.raises(ValueError, match="name"):
        cases.read(tmp_path)
