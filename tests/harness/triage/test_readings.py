"""What captured files mean: figures, judgement, findings, hypotheses."""

from pathlib import Path
from typing import Any

import pytest

from gradtriage.evidence.junit import JUnit, JUnitCase
from gradtriage.model.diagnosis import DiagnosedHypothesis
from gradtriage.model.documents import Asked
from gradtriage.triage.figures import figures, lasting_pin_changes, pins_hold
from gradtriage.triage.findings import findings
from gradtriage.triage.hypotheses import probe_hypotheses, usual_name
from gradtriage.triage.judgement import judge
from tests.support.capture import NODEID, captured, ending, entry, one_test, record, session, task, zero

NONE_ENTRY = entry("none")
OTHER = "tests/test_it.py::test_b"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({}, {"count": 0, "max_abs": None, "min_abs": None, "zero": 0}),
        ({"a": zero()}, {"count": 1, "max_abs": 0.0, "min_abs": 0.0, "zero": 1}),
        ({"a": entry(value=-3.0), "b": entry(value=0.5)}, {"count": 2, "max_abs": 3.0, "min_abs": 0.5, "zero": 0}),
        ({"a": entry(value=3.0), "b": NONE_ENTRY}, {"count": 2, "max_abs": 3.0, "min_abs": 3.0, "none": 1}),
        ({"a": entry(value=3.0), "b": entry("nan")}, {"count": 2, "max_abs": None, "min_abs": None, "nan": 1}),
        ({"a": entry(value=3.0), "b": entry("inf")}, {"count": 2, "max_abs": None, "min_abs": None, "inf": 1}),
    ],
    ids=["none", "zero", "two", "missing", "nan", "inf"],
)
def test_the_figures_of_gradients(tmp_path: Path, entries: dict, expected: dict) -> None:
    found = vars(figures(captured(tmp_path, record(entries)), 0)["gradients"])
    assert {name: found[name] for name in expected} == expected


def test_the_loss_is_a_figure_only_of_a_single_computation(tmp_path: Path) -> None:
    assert figures(captured(tmp_path, record(loss=2.5)), 0)["gradients"].loss == 2.5
    assert figures(captured(tmp_path, record(), record()), 0)["gradients"].loss is None


def test_gradients_are_found_by_part_of_a_tests_name(tmp_path: Path) -> None:
    run = captured(tmp_path, record({"w": zero()}), record({"w": entry()}, nodeid=f"{OTHER}[x=1]"))
    by_test = figures(run, 0)["gradients"].tests
    assert (by_test[NODEID].zero, by_test["x=1"].zero, len(by_test), list(by_test)) == (
        1,
        0,
        2,
        [NODEID, f"{OTHER}[x=1]"],
    )
    for key in ("test_", "nobody"):
        with pytest.raises(KeyError, match="fits"):
            by_test[key]


def test_files_that_come_and_go_are_no_figures(tmp_path: Path) -> None:
    for name in ("pytest.log", "running.json", "request.json", ".reserve", ".ending"):
        (tmp_path / name).write_text("")
    assert figures(captured(tmp_path), 0)["files"] == ["criteria.json", "manifest.json", "pytest.log", "summary.md"]


def change(nodeid: str, restored: bool = False, name: str = "PIN") -> dict[str, Any]:
    return {"event": "pin_restored" if restored else "pin_changed", "nodeid": nodeid, "name": name, "value": "2"}


@pytest.mark.parametrize(
    ("events", "by"),
    [
        ([], []),
        ([change("a")], ["a"]),
        ([change("a"), change("a", restored=True)], []),
        ([change("a"), change("b", restored=True)], ["a"]),
        ([change("a"), change("a", restored=True), change("a")], ["a"]),
        ([change("a"), change("a", restored=True, name="OTHER")], ["a"]),
        ([change("a"), change("b")], ["a", "b"]),
    ],
    ids=["nobody", "one", "puts-back", "another-puts-back", "again", "another-pin", "two"],
)
def test_a_change_lasts_unless_who_made_it_undid_it(tmp_path: Path, events: list, by: list[str]) -> None:
    held = {"PIN": {"wanted": "1", "value": "1", "holds": True}}
    run = captured(tmp_path, events=session(*events, pins=held), task_=task(pins={"PIN": "1"}))
    assert [event["nodeid"] for event in lasting_pin_changes(run)] == by
    assert pins_hold(run) is (not by)


CASE = JUnitCase("tests.test_it", "test_a", "passed", 0.1)
FAILED = JUnitCase("tests.test_it", "test_a", "failed", 0.1, "m")
STARTED_B = {"event": "test_start", "nodeid": OTHER}
COLLECTED = {"event": "collected", "nodeids": [NODEID, OTHER]}


@pytest.mark.parametrize(
    ("how", "status", "fault"),
    [
        ({}, "complete", None),
        ({"ending_": ending(exit_code=1), "cases": (FAILED,)}, "complete", None),
        ({"ending_": ending(exit_code=1)}, "incomplete", "exit code 1 without a failure"),
        ({"cases": (FAILED,)}, "incomplete", "exit code 0 with 1 failure in pytest.xml"),
        ({"cases": ()}, "incomplete", "no test ran"),
        ({"ending_": ending(exit_code=5), "cases": ()}, "incomplete", "no test was collected"),
        ({"ending_": ending(exit_code=6)}, "incomplete", "none of its own"),
        ({"ending_": ending(exit_code=3)}, "crashed", "internal error"),
        ({"ending_": ending(exit_code=-64)}, "crashed", "SIGRTMAX"),
        ({"ending_": ending(exit_code=-200)}, "crashed", "signal 200"),
        ({"ending_": ending(exit_code=2)}, "interrupted", "stopped from inside"),
        ({"ending_": ending(log_error="pytest.log: full")}, "incomplete", "pytest.log: full"),
        ({"junit": JUnit((CASE,), 0.5, "pytest.xml: is missing")}, "incomplete", "rebuilt from the events"),
        ({"events": session(*one_test(), STARTED_B)}, "incomplete", f"in flight when the process ended: {OTHER}"),
        ({"events": session(COLLECTED, *one_test())}, "incomplete", "1 of 2 collected tests were not started"),
        ({"events": session(*one_test(), *one_test(OTHER))}, "incomplete", "holds 1 of the 2 tests that ran"),
        ({"events": session(*one_test()[:2], one_test()[-1])}, "incomplete", "set up and not called"),
        (
            {"events": session(*one_test(), {"event": "lost", "count": 3})},
            "incomplete",
            "3 events could not be written",
        ),
        (
            {"events": session(*one_test(), {"event": "damaged", "lines": 1})},
            "incomplete",
            "1 line of the event stream",
        ),
        (
            {"events": session(*one_test(), {"event": "probe_error", "place": "names", "error": "KeyError: 'x'"})},
            "incomplete",
            "the capture failed 1 time, first in names: KeyError: 'x'",
        ),
        ({"events": session(*one_test())[:-1]}, "crashed", "in the middle of the session"),
        ({"events": []}, "incomplete", "saw no session"),
        ({"ending_": ending(cause="timeout", exit_code=0)}, "timeout", "time limit of 60 s"),
        ({"ending_": ending(cause="interrupted", exit_code=0)}, "interrupted", "by the user"),
        ({"ending_": ending(cause="abandoned", exit_code=0)}, "interrupted", "the runner was killed"),
    ],
)
def test_a_run_is_complete_only_if_everything_agrees(tmp_path: Path, how: dict, status: str, fault: str | None) -> None:
    judgement = judge(captured(tmp_path, **how))
    assert judgement.status == status
    assert (fault is None) == (judgement.faults == ())
    assert fault is None or any(fault in one for one in judgement.faults), judgement.faults


def test_a_collection_error_is_no_interrupt_and_a_fixture_error_no_excuse_for_one(tmp_path: Path) -> None:
    erred = (JUnitCase("t", "x", "error", 0.0),)
    collection = session({"event": "collect_error", "nodeid": "t.py", "message": "m"})
    assert judge(captured(tmp_path, cases=erred, events=collection, ending_=ending(exit_code=2))).status == "complete"
    fixture = judge(captured(tmp_path, cases=erred, ending_=ending(exit_code=2)))
    assert fixture.status == "interrupted"


@pytest.mark.parametrize(
    ("records", "title"),
    [
        ([], "No gradient was computed in this run"),
        ([record()], "Every one of 1 gradients in 1 computation is finite and non-zero"),
        ([record({"a": zero(), "b": zero()}, loss=0.0)], "The loss is exactly 0, and so are all 2 gradients"),
        ([record({"a": zero()}, loss=0.0)], "The loss is exactly 0, and so is its gradient"),
        ([record({"a": zero()}, loss=3.5)], "All 1 gradients of `test_a` are exactly zero, the loss is 3.5"),
        ([record({"a": zero()}, loss=None)], "All 1 gradients of `test_a` are exactly zero, the loss is no scalar"),
        ([record({"a": zero(), "b": entry()})], "1 of 2 gradients of `test_a` are exactly zero: `a`"),
        ([record({"a": entry("nan"), "b": entry("inf")})], "2 gradients are not finite: `a`, `b` in `test_a`"),
        ([record({"a": NONE_ENTRY, "b": entry()})], "1 gradient is missing: `a` in `test_a`"),
        (
            [record({"x": zero(numeric=0.0)}, kind="gradcheck", loss=None)],
            "1 gradient check compared zero with zero: `test_a`",
        ),
        (
            [record({}, raised="RuntimeError", loss=None)],
            "1 gradient computation raised, first `RuntimeError` in `test_a`",
        ),
        (
            [record({"a": zero()}, nodeid=f"{OTHER}[F=0]"), record(nodeid=f"{OTHER}[F=1]", gradients={"a": entry()})],
            "The same 1 gradient is zero with `F=0` and non-zero with `F=1`",
        ),
        (
            [record({f"p{n}": NONE_ENTRY for n in range(10)})],
            "10 gradients are missing: `p0`, `p1`, `p2`, `p3`, `p4`, ",
        ),
        ([record({"a`b": NONE_ENTRY})], "1 gradient is missing: ``a`b`` in `test_a`"),
        ([record({"a": NONE_ENTRY}, nodeid="t.py::test_p[x::y]")], "1 gradient is missing: `a` in `test_p[x::y]`"),
    ],
)
def test_the_first_finding_is_the_most_telling(tmp_path: Path, records: list, title: str) -> None:
    first = findings(captured(tmp_path, *records))[0]
    assert first.title.startswith(title)
    assert first.reasoning


def test_names_that_do_not_fit_a_headline_are_counted(tmp_path: Path) -> None:
    first = findings(captured(tmp_path, record({f"p{n}": NONE_ENTRY for n in range(10)})))[0]
    assert first.title.endswith("`p7` and 2 more in `test_a`")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A cell parameter was turned into a number on its way to the image", "number"),
        ("Config caching: parameters passed as `.item()` scalars", ""),  # a cache or a number: two probes
        ("Parameters are passed as `.item()` scalars", "number"),
        ("A tensor was detached between the cell and the image", "detached"),
        ("Somebody left a torch.no_grad() in the forward", "detached"),
        ("The image is blank", "blank"),
        ("The backward formula is wrong", "formula"),
        ("Missing structure factors", ""),
        ("The groundwork is missing", ""),
    ],
)
def test_a_hypothesis_in_words_is_matched_to_one_usual_probe_or_to_none(text: str, name: str) -> None:
    assert usual_name(text) == name


def test_the_diagnosis_decides_a_hypothesis_that_has_no_check_of_its_own(tmp_path: Path) -> None:
    usual = [
        DiagnosedHypothesis(id="H1", name="number", statement="A number", status="refuted", evidence="244 operations"),
        DiagnosedHypothesis(id="H2", name="detached", statement="A detach", status="confirmed", evidence="line 3"),
    ]
    asked = [
        Asked(id="H1", text="A cell parameter was turned into a number"),
        Asked(id="H2", text="A tensor was detached"),
        Asked(id="H3", text="A tensor was detached", refuted="gradients.zero == 1"),
        Asked(id="H4", text="The moon"),
    ]
    probed = probe_hypotheses(asked, figures(captured(tmp_path, record({"w": zero()})), 0), usual)
    assert [(one.id, one.status) for one in probed] == [
        ("H2", "confirmed"),
        ("H4", "open"),
        ("H1", "refuted"),
        ("H3", "refuted"),
    ]
    assert probed[2].evidence == "as the diagnosis tested it (A number): 244 operations"


def test_hypotheses_are_decided_by_figures_and_ranked(tmp_path: Path) -> None:
    asked = [
        Asked(id="H1", text="no probe"),
        Asked(id="H2", text="refuted", check="gradients.zero > 1", refuted="gradients.zero == 1"),
        Asked(id="H3", text="undecided", check="gradients.zero > 1", refuted="gradients.zero == 0"),
        Asked(id="H4", text="confirmed", check="gradients.zero == 1"),
        Asked(id="H5", text="broken", check="no_such_name == 1"),
    ]
    probed = probe_hypotheses(asked, figures(captured(tmp_path, record({"w": zero()})), 0))
    assert [(one.id, one.status, one.evidence) for one in probed] == [
        ("H4", "confirmed", ""),
        ("H1", "open", "no probe in this phase"),
        ("H3", "open", "the probe did not decide it"),
        ("H5", "open", "the probe did not decide it"),
        ("H2", "refuted", ""),
    ]
    assert (probed[0].check, probed[0].measured) == ("gradients.zero == 1", {"gradients.zero": 1})
