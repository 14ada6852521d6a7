"""What is read from failures in JUnit files is what the failures were, in each style of traceback."""

import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtriage.errors import DocumentError
from gradtriage.evidence.junit import iter_junit
from gradtriage.evidence.traceback_text import read_traceback
from gradtriage.triage.failures import failures_from_junit

CODE = {
    "lib.py": """
        import json
        def load(text):
            return json.loads(text)
        """,
    "test_it.py": """
        import lib, pytest
        def check(a, b):
            assert a == b
        def test_foreign(): lib.load("{")
        def test_own(): check(1, 2)
        @pytest.fixture
        def broken(): raise OSError("no disk")
        def test_setup(broken): pass
        @pytest.fixture
        def untidy():
            yield
            raise KeyError("left")
        def test_teardown(untidy): pass
        def test_fixture(not_there): pass
        """,
    "test_gone.py": "import not_there_at_all\n",
}


@pytest.mark.parametrize("style", ["auto", "long", "short", "native", "line"])
def test_exception_stage_and_place_are_read_in_each_style(pytester: pytest.Pytester, style: str) -> None:
    for name, text in CODE.items():
        pytester.path.joinpath(name).write_text(textwrap.dedent(text))
    pytester.runpytest_subprocess(f"--tb={style}", "--junitxml=x.xml", "--continue-on-collection-errors")
    outcomes: dict[str, str] = {}
    found = {f.test: f for f in failures_from_junit(iter_junit(pytester.path / "x.xml"), outcomes)}
    said = {test.rpartition("::")[2]: (f.stage, f.exception) for test, f in found.items()}
    assert said["test_foreign"] == ("call", "JSONDecodeError") or style == "line"
    assert said["test_own"] == ("call", "AssertionError")
    assert said["test_setup"] == ("setup", "OSError")
    assert said["test_teardown"] == ("teardown", "KeyError")
    assert said["test_gone"] == ("collect", "ModuleNotFoundError")
    assert "fixture 'not_there' not found" in found["test_it::test_fixture"].line
    if style != "line":  # which has no frames
        places = {test: (f.frame or {}).get("file") for test, f in found.items()}
        assert places["test_it::test_foreign"].endswith("lib.py")
        functions = {test: (f.frame or {}).get("function") for test, f in found.items()}
        assert (functions["test_it::test_foreign"], functions["test_it::test_own"]) == ("load", "check")
        assert (found["test_it::test_own"].frame or {})["statement"] == "assert a == b"


@given(st.text(), st.text(), st.text())
def test_any_text_is_read(message: str, text: str, classname: str) -> None:
    read = read_traceback(message, text, classname)
    assert isinstance(read.exception, str)
    assert isinstance(read.message, str)


def test_files_of_other_tools_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text(
        '<testsuites><testsuite name="s"><testcase classname="com.Acme" name="a" time="0.1">'
        '<failure type="java.lang.IllegalStateException" message="bad state">at com.Acme.a(Acme.java:3)</failure>'
        '</testcase><testcase name="b"/></testsuite></testsuites>'
    )
    outcomes: dict[str, str] = {}
    (failure,) = failures_from_junit(iter_junit(tmp_path / "x.xml"), outcomes)
    assert (failure.test, failure.exception, failure.line) == ("com.Acme::a", "IllegalStateException", "bad state")
    assert outcomes == {"com.Acme::a": "failed", "b": "passed"}


def test_an_entity_bomb_is_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>'
    (tmp_path / "x.xml").write_text(bomb)
    with pytest.raises(DocumentError, match="refused"):
        list(iter_junit(tmp_path / "x.xml"))


def test_a_file_is_read_case_by_case_and_no_case_is_kept(tmp_path: Path) -> None:
    with (tmp_path / "x.xml").open("w") as file:
        file.write("<testsuite>")
        file.writelines(
            f'<testcase classname="t" name="n{n}"><failure message="m">x</failure></testcase>' for n in range(500)
        )
        file.write("</testsuite")  # cut off: what was before is handed out all the same
    cases = iter_junit(tmp_path / "x.xml")
    assert [next(cases).name for _ in range(400)] == [f"n{n}" for n in range(400)]
    with pytest.raises(DocumentError, match="not whole"):
        list(cases)
