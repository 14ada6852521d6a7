"""What GitHub Actions is told stays within its limits and loses no trouble without a word."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gradtriage.report.github import MOST_BYTES, annotations, step_summary, within_limit
from tests.support.troubles import diagnosis, trouble

COMMAND = re.compile(r"::error (?:file=(?P<file>[^:,]*),line=(?P<line>\d+),)?title=(?P<title>[^:,]*)::(?P<text>.*)")


def test_an_annotation_lies_on_the_line_where_the_gradient_is_lost() -> None:
    (line,) = annotations([trouble(diagnosis=diagnosis())])
    found = COMMAND.fullmatch(line)
    assert found is not None
    assert (found["file"], found["line"]) == ("src/a model.py", "12")
    assert found["text"] == "severed: detach at src/a model.py:12 loses w"


@pytest.mark.parametrize(
    ("count", "lines", "left"), [(9, 9, None), (10, 10, None), (11, 10, "2 more"), (99, 10, "90 more")]
)
def test_there_are_ten_annotations_at_most_and_the_last_counts_the_rest(count, lines, left) -> None:
    found = list(annotations([trouble(message=f"m{n}") for n in range(count)]))
    assert len(found) == lines
    assert (left in found[-1]) if left else ("more" not in found[-1])


@given(st.text(), st.text(), st.text())
def test_whatever_an_annotation_says_it_is_one_command_on_one_line(file: str, kind: str, message: str) -> None:
    (line,) = annotations([trouble(where=(file, 3), kind=kind, message="x" + message)])
    assert "\n" not in line
    assert "\r" not in line
    assert line.count("::error ") >= 1
    properties = line.removeprefix("::error ").partition("::")[0]
    assert len(properties.split(",")) == (3 if file else 2)


def test_the_summary_is_a_table_of_troubles_with_their_items() -> None:
    page = step_summary(
        "1 new trouble", {"passed": 3, "failed": 1, "error": 0}, [(trouble(message="a | b"), "X-1")], None
    )
    assert "passed 3 · failed 1\n" in page
    rows = [t for t in MarkdownIt("commonmark").enable("table").parse(page) if t.type == "tr_open"]
    assert len(rows) == 2
    assert "| X-1 | test_a: a \\| b | – | `tests/test_a.py::test_a` |" in page


def test_a_summary_that_is_too_long_is_cut_at_a_line_and_says_so() -> None:
    page = "".join(f"- änderung {n}\n" for n in range(100_000))
    cut = within_limit(page)
    assert len(cut.encode()) <= MOST_BYTES
    assert cut.endswith("See nightly.json.\n")
    kept = cut[: cut.index("\n\n... ")]
    assert page.startswith(kept + "\n")
    assert len(cut.encode()) > MOST_BYTES - 100
    assert within_limit("short\n") == "short\n"


@pytest.mark.parametrize("used", [MOST_BYTES, MOST_BYTES - 10, MOST_BYTES - 200])
def test_what_the_step_wrote_before_counts(used: int) -> None:
    assert used + len(within_limit("x" * 300 + "\n", used).encode()) <= MOST_BYTES
