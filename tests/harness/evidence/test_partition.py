"""Chunks cover the collection, nothing twice, in its order, and none is much fuller than it must be."""

from hypothesis import given
from hypothesis import strategies as st

from gradtriage.evidence.partition import expected_seconds, partition, parts_needed

NODEIDS = st.lists(st.builds("t{}.py::test_{}".format, st.integers(0, 4), st.integers(0, 30)), unique=True, max_size=60)
SECONDS = st.dictionaries(st.builds("t{}.py::test_{}".format, st.integers(0, 4), st.integers(0, 30)), st.floats(0, 100))


@given(NODEIDS, SECONDS, st.integers(1, 9))
def test_the_parts_are_the_collection_and_nothing_twice(nodeids, seconds, parts):
    found = partition(nodeids, seconds, parts)
    assert sorted(test for part in found for test in part) == sorted(nodeids)
    assert len(found) == min(parts, len(nodeids))
    assert all(found)
    place = {test: number for number, test in enumerate(nodeids)}
    assert all([place[test] for test in part] == sorted(place[test] for test in part) for part in found)


@given(NODEIDS, SECONDS, st.integers(1, 9))
def test_every_process_finds_the_same_parts(nodeids, seconds, parts):
    assert partition(nodeids, dict(reversed(seconds.items())), parts) == partition(list(nodeids), seconds, parts)


@given(NODEIDS.filter(bool), SECONDS, st.integers(2, 9))
def test_no_part_is_fuller_than_longest_first_allows(nodeids, seconds, parts):
    found = partition(nodeids, seconds, parts)
    expected = expected_seconds(nodeids, seconds)
    loads = [sum(expected[test] for test in part) for part in found]
    ideal = sum(expected.values()) / len(found)
    # a list scheduler ends within the ideal plus the largest thing that it placed: a file within the share, or a test
    assert max(loads) <= ideal + max(ideal, *expected.values()) + 1e-9


def test_a_file_that_is_too_long_is_divided_and_others_stay_whole():
    tests = [*(f"long.py::test_{n}" for n in range(8)), "a.py::test_1", "a.py::test_2", "b.py::test_1"]
    seconds = {test: 10.0 if test.startswith("long") else 1.0 for test in tests}
    found = partition(tests, seconds, 4)
    assert sum(any(test.startswith("long") for test in part) for part in found) == 4
    assert sum("a.py::test_1" in part for part in found if "a.py::test_2" in part) == 1


def test_as_many_parts_are_needed_as_leave_room_in_each():
    assert [parts_needed(seconds, 100.0) for seconds in (0, 79, 81, 161)] == [1, 1, 2, 3]
