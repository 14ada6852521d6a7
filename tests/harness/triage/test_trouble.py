"""Failures and changed gradients with one cause are one trouble; with two causes they stay two."""

from typing import Any

from gradtriage.model.comparison import Change
from gradtriage.model.suite import Cluster
from gradtriage.report.regression import CHANGE_WORDS
from gradtriage.triage.trouble import merged, troubles_of
from tests.support.troubles import diagnosis, trouble


def cluster(number: int, *tests: str, **changes: Any) -> Cluster:
    given = {
        "id": f"C{number}", "fingerprint": f"v1:{number}", "kind": "assertion", "count": len(tests),
        "tests": list(tests), "message": "assert 0 == 1", "where": {"file": "src/a.py", "line": 5}, "status": "new",
    }  # fmt: skip
    return Cluster.model_validate({**given, **changes})


def change(nodeid: str, kind: str = "zeroed", parameter: str | None = "w") -> Change:
    return Change.model_validate({"kind": kind, "nodeid": nodeid, "parameter": parameter})


def test_each_cluster_is_a_trouble_with_the_changes_of_its_tests() -> None:
    changes = [change("t::a"), change("t::a", "broke", None), change("t::c")]
    found = troubles_of(
        [cluster(1, "t::a", "t::b"), cluster(2, "t::d")], changes, {"t::a", "t::b", "t::d"}, CHANGE_WORDS
    )
    assert [(one.clusters, one.tests, [c.kind for c in one.changes]) for one in found] == [
        (("C1",), ("t::a", "t::b"), ["zeroed", "broke"]),
        (("C2",), ("t::d",), []),
        ((), ("t::c",), ["zeroed"]),
    ]
    assert found[0].place == ("src/a.py", 5)
    assert found[2].title == "c: w: gradient is zero now"


def test_tests_that_pass_with_the_same_changes_are_one_trouble() -> None:
    changes = [change("t::a"), change("t::b"), change("t::c", "drifted"), change("t::d", "removed", None)]
    assert [one.tests for one in troubles_of([], changes, set(), CHANGE_WORDS)] == [("t::a", "t::b"), ("t::c",)]


def test_a_cluster_that_is_resolved_is_no_trouble() -> None:
    assert troubles_of([cluster(1, status="resolved"), cluster(2, "t::a", status="resolved")], [], set(), {}) == []


def test_troubles_with_one_explained_cause_are_one_and_others_stay() -> None:
    one = trouble(tests=("t::a",), clusters=("C1",), diagnosis=diagnosis())
    same = trouble(tests=("t::b",), clusters=("C2",), diagnosis=diagnosis())
    other = trouble(tests=("t::c",), clusters=("C3",), diagnosis=diagnosis(line=13))
    unexplained = trouble(tests=("t::d",), clusters=("C4",))
    found = merged([one, unexplained, same, other])
    assert [(found_one.tests, found_one.clusters) for found_one in found] == [
        (("t::a", "t::b"), ("C1", "C2")),
        (("t::d",), ("C4",)),
        (("t::c",), ("C3",)),
    ]
