"""A cause keeps its id from run to run; an id is never given to another cause."""

from hypothesis import given
from hypothesis import strategies as st

from gradtriage.model.suite import Known, Registry
from gradtriage.triage.clusters import Group
from gradtriage.triage.continuity import Continued, continue_clusters

ALL = [f"t.py::test_{n}" for n in range(8)]


def cause(name: str, *tests: int, message: str = "", function: str = "f") -> Group:
    where = {"file": "m.py", "line": 1, "function": function, "statement": name}
    return Group(f"v1:{name}", "other", "ValueError", message or name, where, [ALL[n] for n in tests])


def run(groups: list[Group], before: Registry | None = None, ran: list[str] = ALL, **known: list[str]) -> Continued:
    failing = {test for one in groups for test in one.tests}
    outcomes = {test: "failed" if test in failing else "passed" for test in ran}
    return continue_clusters(groups, outcomes, Known(registry=before or Registry(), **known))


def statuses(continued: Continued) -> dict[str, str]:
    return {cluster.id: cluster.status for cluster in continued.clusters}


def test_a_cluster_is_new_then_known_then_grown_then_shrunk_then_resolved_and_its_id_stays() -> None:
    registry, seen = Registry(), []
    for tests in [(0, 1), (0, 1), (0, 1, 2), (2,), ()]:
        continued = run([cause("a", *tests)] if tests else [], registry)
        registry = continued.registry
        seen.append(statuses(continued))
    assert [one["C1"] for one in seen] == ["new", "known", "grown", "shrunk", "resolved"]
    assert run([], registry).clusters == []
    again = run([cause("a", 5)], registry)
    assert statuses(again) == {"C1": "new"}  # the old cause is back under its old id


def test_a_resolved_cluster_keeps_the_names_of_its_tests() -> None:
    resolved = run([], run([cause("a", 0, 1)]).registry).clusters[0]
    assert (resolved.count, resolved.tests, resolved.was) == (0, [], ALL[:2])


def test_what_was_not_run_is_neither_resolved_nor_shrunk() -> None:
    before = run([cause("a", 0, 1), cause("b", 2)]).registry
    continued = run([cause("a", 0)], before, ran=[ALL[0], "other.py::test_x"])
    assert statuses(continued) == {"C1": "known"}
    assert {cluster.id: cluster.tests for cluster in continued.registry.clusters}["C1"] == ALL[:2]


def test_a_new_message_at_the_old_place_is_the_old_cause_under_a_further_fingerprint() -> None:
    before = run([cause("a", 0, 1, 2)]).registry
    continued = run([cause("a2", 0, 1, 2, message="reworded")], before)
    (cluster,) = continued.clusters
    assert (cluster.id, cluster.fingerprint, cluster.aliases) == ("C1", "v1:a2", ["v1:a"])
    assert [change.change for change in continued.changes] == ["alias"]
    back = run([cause("a", 0, 1, 2)], continued.registry)
    assert statuses(back) == {"C1": "known"}


def test_another_cause_in_the_same_tests_gets_an_id_of_its_own() -> None:
    before = run([cause("a", 0, 1)]).registry
    continued = run([cause("b", 0, 1, message="quite another", function="g")], before)
    assert statuses(continued) == {"C2": "new", "C1": "resolved"}


def test_a_split_and_a_merge_are_noted() -> None:
    before = run([cause("a", 0, 1, 2, 3)]).registry
    split = run([cause("a", 0, 1), cause("b", 2, 3, message="other", function="g")], before)
    assert statuses(split) == {"C1": "shrunk", "C2": "new"}
    assert [(change.change, change.clusters) for change in split.changes] == [("split", ["C1", "C2"])]
    merged = run([cause("a", 0, 1, 2, 3)], split.registry)
    assert [(change.change, change.clusters) for change in merged.changes] == [("merge", ["C2", "C1"])]


def test_an_outcome_that_differs_on_one_commit_is_flaky() -> None:
    before = run([cause("a", 0)]).registry
    assert statuses(run([cause("b", 1, function="g")], before, passed=[ALL[1]], failed=[ALL[0]])) == {
        "C2": "flaky",
        "C1": "flaky",
    }


def test_a_suite_and_a_junit_file_name_the_same_tests() -> None:
    before = run([cause("a", 0, 1)]).registry
    junit = Group("v1:a", "other", "ValueError", "a", None, ["t::test_0", "t::test_1"])
    continued = continue_clusters([junit], dict.fromkeys(junit.tests, "failed"), Known(registry=before))
    assert statuses(continued) == {"C1": "known"}


RUNS = st.lists(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sets(st.integers(0, 7), min_size=1)), unique_by=lambda g: g[0]),
    max_size=8,
)


@given(RUNS)
def test_over_any_history_no_id_ever_names_two_causes(history) -> None:
    # causes that differ in message and place, so that none can be taken for another
    registry, names = Registry(), {}
    for groups in history:
        continued = run([cause(name, *tests, function=name) for name, tests in groups], registry)
        ids = [cluster.id for cluster in continued.clusters]
        assert len(ids) == len(set(ids))
        for cluster in continued.clusters:
            assert names.setdefault(cluster.id, cluster.fingerprint) == cluster.fingerprint
        assert continued.registry.last >= registry.last
        registry = continued.registry
