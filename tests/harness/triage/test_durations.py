"""Steps in durations, and the time limit that a whole history advises."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtriage.triage.durations import advise_limit, levels

# a slow test of a public project: 20 recorded runs in four groups; the limit of 900 s came from three of them
RECORDED = [27, 28, 29, 205, 210, 220, 27, 30, 480, 500, 505, 845, 870, 905, 1100, 28, 212, 27, 490, 860]


def test_a_limit_from_the_whole_history_would_have_been_kept_by_every_run() -> None:
    advice = advise_limit(RECORDED)
    assert advice.seconds is not None
    assert advice.seconds >= 1.4 * max(RECORDED)
    assert [runs for _, _, runs in advice.groups] == [7, 4, 4, 5]


@given(st.lists(st.floats(1e-3, 1e5), min_size=1))
def test_no_recorded_run_ever_breaks_the_advice(seconds: list[float]) -> None:
    advice = advise_limit(seconds)
    assert advice.seconds is not None
    assert advice.seconds >= max(seconds)
    assert sum(runs for _, _, runs in advice.groups) == len(seconds)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([1.0, 1.1, 0.9, 1.0, 3.0, 3.2, 2.9, 3.1], [(0, 4), (4, 4)]),
        ([3.0, 3.2, 2.9, 3.1, 1.0, 1.1, 0.9, 9.0, 9.1, 9.3], [(0, 4), (4, 3), (7, 3)]),
        ([1.0, 1.2, 0.9, 1.1, 1.0, 1.15, 0.95], [(0, 7)]),
        ([1.0, 1.0, 5.0, 1.0, 1.0, 1.0, 1.0], [(0, 7)]),  # one outlier is no step
        ([1.0, 2.0], [(0, 2)]),
        ([], []),
    ],
    ids=["up", "down-and-up", "scatter", "outlier", "few", "none"],
)
def test_a_step_is_found_where_the_level_changes(seconds: list[float], expected: list[tuple[int, int]]) -> None:
    assert [(level.first, level.runs) for level in levels(seconds)] == expected


@given(st.lists(st.floats(1e-3, 1e4), max_size=40), st.floats(0.1, 100))
def test_levels_cover_the_runs_and_do_not_depend_on_the_unit(seconds: list[float], factor: float) -> None:
    found = levels(seconds)
    assert sum(level.runs for level in found) == len(seconds)
    assert all(a.first + a.runs == b.first for a, b in pairwise(found))
