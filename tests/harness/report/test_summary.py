"""The page a person reads: whole for every run, without markup from outside, each figure from a file beside it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gradtriage.evidence.junit import JUnitCase, read_junit
from gradtriage.report.markdown import number, seconds
from gradtriage.report.summary import MOST_FAILURES, MOST_GRADIENTS, count_sections, render_summary
from gradtriage.triage.judgement import judge
from gradtriage.verify import verify_folder
from tests.support.capture import (
    NO_CRITERIA,
    NODEID,
    captured,
    ending,
    entry,
    one_test,
    record,
    sealed,
    session,
    task,
    zero,
)

PARSER = MarkdownIt("commonmark").enable(["table"])
SECTIONS = [
    "Objective", "Command", "Results", "Gradients", "Critical finding", "Historical evidence", "Environment guardrails",
    "Analysis", "Hypotheses", "Artifacts", "Exit criteria", "Next actions", "References",
]  # fmt: skip
NASTY = "## Heading `tick` ``` | pipe\n- [x] done <b> *bold* [link](x) \x1b[31m \\"


def headings(page: str) -> list[str]:
    tokens = PARSER.parse(page)
    return [
        tokens[n + 1].content for n, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h2"
    ]


def page_of(folder: Path, *records: dict[str, Any], **how: Any) -> str:
    run = captured(folder, *records, **how)
    return render_summary(run, judge(run), NO_CRITERIA)


def many(count: int) -> dict[str, Any]:
    return record({f"w{n}": entry(value=1.0 + n) for n in range(count)})


STATUSES = {"ok": entry(), "zero": zero(), "none": entry("none"), "nan": entry("nan"), "inf": entry("inf")}
UNFINISHED = session(*one_test(), {"event": "test_start", "nodeid": "tests/test_it.py::test_b"})[:-1]
NASTY_CASE = JUnitCase("tests.test_it", f"test_a[{NASTY}]", "failed", 0.1, NASTY, NASTY)
RUNS: dict[str, dict[str, Any]] = {
    "no-gradients": {"records": []},
    "one-gradient": {"records": [record()]},
    "every-status": {"records": [record(STATUSES, loss=None)]},
    "200-gradients": {"records": [many(200)]},
    "several-tests": {"records": [record(), record(nodeid="tests/test_it.py::test_b[x::y]")]},
    "gradcheck": {"records": [record({"x": zero(numeric=0.0)}, kind="gradcheck", loss=None)]},
    "raised": {"records": [record({}, raised="RuntimeError", loss=None)]},
    "nasty-names": {"records": [record({NASTY: entry(), "a|b": zero(), "`": zero(), "x\ny": zero(), "": entry()})]},
    "nasty-test": {"records": [record(nodeid=f"tests/test_it.py::test_a[{NASTY}]"), record()]},
    "nasty-failure": {"records": [], "cases": (NASTY_CASE,)},
    "many-failures": {"records": [], "cases": tuple(JUnitCase("m", f"t{n}", "failed", 0) for n in range(50))},
    "interrupted": {"ending_": ending(cause="interrupted", exit_code=2), "events": UNFINISHED},
    "timeout": {"ending_": ending(cause="timeout", exit_code=-9, left_processes=3), "events": UNFINISHED},
    "crashed": {"ending_": ending(exit_code=-11), "events": UNFINISHED},
    "abandoned": {
        "ending_": ending(cause="abandoned", exit_code=-9, exit_code_source="assumed"),
        "events": [],
        "junit": None,
    },
    "nasty-plan": {
        "records": [],
        "task_": task(
            initiative=NASTY, title=NASTY, phase_title=NASTY, objective=NASTY, plan=NASTY, command=NASTY,
            references=[NASTY],
            hypotheses=[{"id": "H1", "text": NASTY}], next=[{"id": "B", "title": NASTY, "objective": NASTY}],
            earlier=[{
                "path": NASTY, "phase": NASTY, "stamp": "20250102T120000Z", "status": "complete", "exit_code": 1,
                "tests": 2, "failures": 1, "gradients": 6, "zero": 6, "loss": None, "met": 1, "criteria": 2,
            }],
        ),
    },
    "no-plan": {"records": [record()], "task_": task(initiative=None, plan=None, phase=None, objective="")},
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_every_run_has_a_page_of_thirteen_sections(tmp_path: Path, name: str) -> None:
    how = dict(RUNS[name])
    page = page_of(tmp_path, *how.pop("records", []), **how)
    assert headings(page) == SECTIONS
    assert count_sections(page) == len(SECTIONS)
    assert "\x1b" not in page
    kinds = [token.type for token in PARSER.parse(page)]
    assert "html_block" not in kinds
    assert "html_inline" not in [child.type for token in PARSER.parse(page) for child in token.children or []]


TEXTS = st.lists(
    st.sampled_from([*"`|\\#*_<>[]()-+~! \n", "```", "\n## X\n", "\n\n", "| a | b |", "---", "1. ", "é", "w", "\x1b"]),
    max_size=10,
).map("".join)


@given(TEXTS, TEXTS, TEXTS, TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_no_text_from_a_test_adds_a_heading_or_breaks_a_table(tmp_path: Path, name, case, message, place) -> None:
    nodeid = f"tests/test_it.py::test_a[{case}]"
    broken = JUnitCase("tests.test_it", f"test_a[{case}]", "failed", 0.1, message, message)
    events = session(
        *one_test(nodeid, "failed", where={"file": place, "line": 3}),
        {"event": "pin_changed", "nodeid": nodeid, "name": "PIN", "value": message},
        {"event": "gradient", **record({name: zero(), "b": entry("none")}, nodeid=nodeid, raised=message)},
        {"event": "gradient", **record({name: entry()}, nodeid=NODEID, where={"file": place, "line": 1})},
    )
    page = page_of(tmp_path, cases=(broken,), events=events, task_=task(pins={"PIN": message}))
    assert headings(page) == SECTIONS
    plain = page_of(
        tmp_path, cases=(JUnitCase("t", "x", "failed", 0.1, "m"),), events=events, task_=task(pins={"PIN": "1"})
    )
    assert rows(page) == rows(plain)


def rows(page: str) -> list[int]:
    """The cells of each row of each table."""
    found: list[int] = []
    for token in PARSER.parse(page):
        if token.type == "tr_open":
            found.append(0)
        elif token.type in ("td_open", "th_open"):
            found[-1] += 1
    return found


def test_what_is_too_much_for_a_page_is_counted(tmp_path: Path) -> None:
    page = page_of(tmp_path, many(200))
    assert f"\n{200 - MOST_GRADIENTS} more in `gradients.json`.\n" in page
    assert page.count("| `w") == MOST_GRADIENTS
    cases = tuple(JUnitCase("m", f"t{n}", "failed", 0) for n in range(50))
    assert f"and {50 - MOST_FAILURES} more in `pytest.xml`" in page_of(tmp_path, cases=cases)


@pytest.mark.parametrize(
    ("status", "value", "shown"),
    [("none", None, "–"), ("nan", None, "–"), ("inf", None, "–"), ("zero", 0.0, "0"), ("ok", 1.5, "1.5")],
)
def test_the_table_shows_each_status_with_what_there_is_of_a_value(tmp_path: Path, status, value, shown) -> None:
    page = page_of(tmp_path, record({"w": entry(status, value)}))
    assert f"| `w` | {status} | {shown} | 2.5 |" in page


def test_two_tests_of_the_same_name_keep_their_own_places(tmp_path: Path) -> None:
    nodeids = ["a.py::TestA::test_x", "a.py::TestB::test_x"]
    places = [{"file": "a.py", "line": line} for line in (3, 9)]
    tests = [e for n, p in zip(nodeids, places, strict=True) for e in one_test(n, "failed", where=p)]
    cases = (JUnitCase("a.TestA", "test_x", "failed", 0, "m"), JUnitCase("a.TestB", "test_x", "failed", 0, "m"))
    page = page_of(tmp_path, cases=cases, events=session(*tests))
    assert re.findall(r"`test_x` at `(a\.py:\d+)`", page) == ["a.py:3", "a.py:9"]


def numbers_of(value: Any) -> set[str]:
    """Every figure of a document as the page would show it, with the number of entries of each list and mapping."""
    found: set[str] = set()
    if isinstance(value, dict):
        found.add(str(len(value)))
        for key, item in value.items():
            found |= numbers_of(key) | numbers_of(item)
    elif isinstance(value, list):
        found.add(str(len(value)))
        for item in value:
            found |= numbers_of(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        found |= {number(value), number(value, 6), f"{value:.2f}", str(value)}
    elif isinstance(value, str):
        found |= set(re.findall(NUMBER, value))
    return found


NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"


def test_each_figure_of_the_page_is_in_a_file_beside_it(tmp_path: Path) -> None:
    gradients = record(
        {"cell_a": entry(value=-0.03125), "cell_b": entry(value=7.75e-12), "gone": entry("none")}, loss=983760.69
    )
    events = session(
        *one_test(seconds=0.4375), *one_test("tests/test_it.py::test_b", "failed", seconds=0.1875),
        {"event": "gradient", **gradients},
    )  # fmt: skip
    events = [{**event, "seconds": 0.4375} if event.get("when") == "call" else event for event in events]
    junit = (
        '<testsuites><testsuite time="1.625"><testcase classname="tests.test_it" name="test_a" time="0.4375"/>'
        '<testcase classname="tests.test_it" name="test_b" time="0.1875">'
        '<failure message="assert 41 == 43"/></testcase>'
        "</testsuite></testsuites>"
    )
    folder = sealed(
        tmp_path, events=events, junit=junit, ending_=ending(exit_code=1, left_processes=17), timeout=113.0,
        pins={"OMP_NUM_THREADS": "3"}, criteria=[{"id": "A1", "text": "", "check": "gradients.max_abs < 0.0625"}],
        hypotheses=[{"id": "H1", "text": "x", "check": "junit.seconds > 1.375"}],
    )  # fmt: skip
    assert verify_folder(folder) == []
    documents = [json.loads(path.read_text()) for path in folder.glob("*.json") if path.name != "manifest.json"]
    documents += [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    read = read_junit(folder / "pytest.xml")
    derived = {
        seconds(0.4375 * 2), seconds(1.625 - 0.4375 * 2),  # call and overhead, from the events and the JUnit file
        number(3.25),  # from the start in task.json to the end in ending.json
    }  # fmt: skip
    known = numbers_of(documents) | numbers_of(vars(read) | {"cases": [vars(case) for case in read.cases]})
    known |= {found for text in derived for found in re.findall(NUMBER, text)}
    known |= {str(n) for n in range(1, len(SECTIONS) + 1)}  # numbering of lists
    page = (folder / "summary.md").read_text()
    shown = set(re.findall(NUMBER, page)) - set(re.findall(NUMBER, documents[0].get("stamp", "")))
    words = {"2026", "01", "02", "12", "00", "256"}  # the stamp, written out, and the name of the hash
    assert shown - known - words == set()
    assert {"983760.69", "0.03125", "7.75e-12", "113", "17", "41"} <= shown


def test_the_first_line_of_a_failure_is_enough_for_the_table(tmp_path: Path) -> None:
    case = JUnitCase("tests.test_it", "test_a", "failed", 0.1, "assert 1 == 2\n +  where 1 = f()", "")
    assert "`assert 1 == 2` |" in page_of(tmp_path, cases=(case,))


def test_the_next_step_of_a_plan_whose_name_has_spaces_can_be_pasted(tmp_path: Path) -> None:
    following = [{"id": "B", "title": "", "objective": ""}]
    page = page_of(tmp_path, task_=task(plan="my plan.yaml", next=following))
    assert "1. Run phase B: `gradtriage run 'my plan.yaml' --phase B`" in page
