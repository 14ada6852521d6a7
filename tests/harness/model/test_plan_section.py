"""The status section of a plan: only its own lines change."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gradtriage.errors import PlanError
from gradtriage.model.plan_section import PhaseEntry, with_status

ENTRIES = {
    "A": PhaseEntry("done", "phase_a/20260101T000000Z", ("A1", "A2"), ()),
    "B": PhaseEntry("next", None, (), ("B1",)),
}
LINES = (
    "  A: {state: done, evidence: phase_a/20260101T000000Z, done: [A1, A2], open: []}\n"
    "  B: {state: next, done: [], open: [B1]}\n"
)
PLAN = "# a comment\nschema: gradtriage.plan/1   # and another\n\nphases:\n- {id: A}\n-   id:   B\n"


def written(text: str, entries: dict[str, PhaseEntry] = ENTRIES) -> str:
    return with_status(text.encode(), "plan.yaml", entries).decode()


def test_the_section_is_put_at_the_end_and_the_rest_stays() -> None:
    after = written(PLAN)
    assert after.startswith(PLAN + "status: #")
    assert after.endswith(LINES)
    assert written(after) == after


def test_only_an_entry_that_changed_is_rewritten() -> None:
    a, b = (line.split(": ", 1)[1] for line in LINES.splitlines())
    old = f"status:\n    A: {{state: done}}   # checked by hand\n    # a remark\n\n    B: {b}\n"
    for text in (PLAN + old, old + PLAN):
        assert written(text) == text.replace("{state: done}", a)


@pytest.mark.parametrize(
    "old", ["status: {}\n", "status:\n", "status: {A: {state: x}} # mine\n", "status:\n  Z: {state: x}\n"]
)
def test_a_section_in_another_form_is_replaced(old: str) -> None:
    after = written(old + PLAN)
    assert after.endswith(PLAN)
    assert yaml.safe_load(after)["status"] == {name: entry.data for name, entry in ENTRIES.items()}


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_and_a_byte_order_mark_stay(end: str) -> None:
    data = b"\xef\xbb\xbf" + PLAN.replace("\n", end).encode()
    after = with_status(data, "plan.yaml", ENTRIES)
    assert after.startswith(data)
    assert after.count(b"\n") == after.count(end.encode())


def test_a_plan_without_a_line_end_gets_one() -> None:
    assert written(PLAN.rstrip("\n")).startswith(PLAN + "status:")


def test_where_no_section_can_be_placed_the_plan_stays_and_the_error_says_what_to_do() -> None:
    with pytest.raises(PlanError, match=r"plan\.yaml: status: cannot be written .* put a line 'status: \{\}'"):
        written("{schema: x, phases: []}\n")


WORDS = st.text("abc:# '\"{}[]\\\t-é", max_size=8)


@given(st.dictionaries(st.text("ABCabc123-_", min_size=1, max_size=4), WORDS, min_size=1, max_size=4), WORDS)
def test_whatever_the_names_the_section_reads_back_and_is_written_once(states: dict[str, str], task: str) -> None:
    entries = {phase: PhaseEntry(state, None, (task,), ()) for phase, state in states.items()}
    after = written(PLAN, entries)
    assert yaml.safe_load(after)["status"] == {phase: entry.data for phase, entry in entries.items()}
    assert written(after, entries) == after
    fewer = {phase: PhaseEntry("done", "x", (), (task,)) for phase in states}
    again = written(after, fewer)
    assert again.startswith(PLAN)
    assert yaml.safe_load(again)["status"] == {phase: entry.data for phase, entry in fewer.items()}
