"""What a scan says on the terminal about a large suite: grouped, and short enough to be read."""

from gradtriage.model.scan import ScanDocument
from gradtriage.report.scan_story import MOST_PLACES, scan_story

ENTRY = {"status": "ok", "value": None, "norm": 1.0, "max_abs": 1.0, "numel": 2, "zeros": 0, "nans": 0, "infs": 0,
         "shape": [2], "dtype": "float64", "device": "cpu", "vacuous": True}  # fmt: skip


def check(line: int, **fields) -> dict:
    given = {"vacuous": True, "reason": "the test passes with noise in place of the gradients", **fields}
    where = {"file": "tests/test_a.py", "line": line}
    return {"kind": "backward", "where": where, "parameters": {"w": ENTRY, "b": ENTRY}, **given}


def document(checks: list[dict], **summary) -> ScanDocument:
    tests = [
        {"nodeid": f"tests/test_a.py::test[{n}]", "outcome": "passed", "checks": [one]} for n, one in enumerate(checks)
    ]
    counts = dict.fromkeys(("gradient_tests", "checks", "vacuous_checks", "vacuous_tests"), len(checks))
    return ScanDocument.model_validate(
        {"schema": "gradtriage.scan/1", "tests": tests, "summary": {"tests": 300, **counts, **summary}}
    )


def test_two_hundred_tests_of_one_line_take_two_lines():
    lines = list(scan_story(document([check(7) for _ in range(200)])))
    assert lines[0] == "300 tests, 200 compute gradients, in 200 checks; 200 checks prove nothing"
    assert lines[1:] == [
        "  ✗ the test passes with noise in place of the gradients: 200 checks",
        "      tests/test_a.py:7 backward of w, b in test[0], test[1], test[2], test[3] and 196 more",
    ]


def test_tests_that_did_not_pass_are_told_in_the_first_line():
    counts = {"tests": 19, "outcomes": {"error": 1, "failed": 3, "passed": 15}, "vacuous_checks": 1}
    first = next(iter(scan_story(document([check(7)], **counts))))
    assert first == "19 tests (1 error, 3 failed), 1 compute gradients, in 1 check; 1 check proves nothing"


def test_of_many_places_the_first_are_shown_and_the_others_counted():
    lines = list(scan_story(document([check(n) for n in range(1, 201)])))
    assert len(lines) == MOST_PLACES + 3
    assert lines[-1] == f"      and {200 - MOST_PLACES} more places, see scan.json"


def test_what_is_missed_unknown_and_uncovered_is_told_apart():
    missing = check(3, vacuous=False, reason=None, noticed={"noise": True, "scaled by 1.01": False})
    unknown = check(4, vacuous=False, judged=False, reason="not replayed: the test is failed")
    summary = {"uncovered": ["tests/test_a.py::b"], "strength": 0.5, "noticed": {"noise": 1.0, "scaled by 1.01": 0.0}}
    assert list(scan_story(document([missing, unknown], vacuous_checks=0, **summary)))[1:] == [
        "  · does not notice gradients: 1 check",
        "      tests/test_a.py:3 backward of w, b in test[0]: scaled by 1.01",
        "  ? not replayed: the test is failed: 1 check",
        "      tests/test_a.py:4 backward of w, b in test[1]",
        "  parameters that no check proves anything about: 1",
        "      tests/test_a.py: b",
        "  strength: 50% of the corruptions are noticed (noise 100%, scaled by 1.01 0%)",
    ]
