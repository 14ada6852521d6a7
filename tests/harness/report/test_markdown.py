"""No text from a test or a plan becomes markup: a parser of Markdown reads back what was put in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gradtriage.report.markdown import cell, code_block, inline_code, number, plain, seconds
from gradtriage.triage.wording import one_line

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKUP = [
    *"`*_[]()<>#+-=!|~\\&;:.0123456789\"' \n\t\r", "```", "~~~", "# ", "- ", "1. ", "> ", "---", "===", "![a](b)",
    "[a](b)", "<b>", "<!--", "&lt;", "&#35;", "http://x.y", "    code", "|---|", "\\|", "\x1b[31m", "\u202e", "\0",
    "é", "word",
]  # fmt: skip
TEXTS = st.one_of(st.lists(st.sampled_from(MARKUP), max_size=12).map("".join), st.text(max_size=40))


def inline(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or []]


@given(TEXTS)
def test_inline_code_reads_back_as_the_text_on_one_line(text: str) -> None:
    (child,) = inline(PARSER.parse(f"a {inline_code(text)} b"))[1:-1]
    assert child.type == "code_inline"
    assert child.content.strip(" ") == one_line(text)


@given(TEXTS, TEXTS)
def test_no_cell_breaks_its_row(first: str, second: str) -> None:
    rows = "| h | i |\n|---|---|\n" + f"| {inline_code(cell(first))} | {inline_code(cell(second))} |\n"
    tokens = PARSER.parse(rows + "\nafter\n")
    assert [token.type for token in tokens].count("td_open") == 2
    codes = [child.content.strip(" ") for child in inline(tokens) if child.type == "code_inline"]
    assert codes == [one_line(first), one_line(second)]
    assert tokens[-2].content == "after"


@given(st.text(max_size=40) | st.lists(st.sampled_from(MARKUP), max_size=12).map("".join))
def test_no_text_closes_its_block_of_code(text: str) -> None:
    tokens = PARSER.parse(f"before\n\n{code_block(text, 'bash')}\n\nafter\n")
    assert [token.type for token in tokens if token.type in ("fence", "heading_open")] == ["fence"]
    assert tokens[-2].content == "after"


@given(TEXTS)
def test_prose_stays_one_paragraph_of_words_and_code(text: str) -> None:
    tokens = PARSER.parse(f"{plain(text)}\n\nafter\n")
    blocks = [token.type for token in tokens if token.nesting >= 0]
    assert blocks in (["paragraph_open", "inline"] * 2, ["paragraph_open", "inline"])
    children = inline(tokens)[:-1] if blocks.count("inline") == 2 else []
    assert {child.type for child in children} <= {"text", "code_inline", "text_special"}
    if "`" not in text:
        assert "".join(child.content for child in children) == one_line(text)


@given(TEXTS)
def test_a_heading_a_list_and_a_quote_hold_their_words(text: str) -> None:
    page = f"# Phase A: {plain(text)}\n\n- [x] **A1** {plain(text)}\n\n> **Fault:** {plain(text)}\n\n## After\n"
    kinds = [token.type for token in PARSER.parse(page) if token.nesting == 1]
    assert kinds == [
        "heading_open", "bullet_list_open", "list_item_open", "paragraph_open", "blockquote_open", "paragraph_open",
        "heading_open",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cell_a and cell_b", "cell_a and cell_b"),
        ("_private", "\\_private"),
        ("use `default_F` here", "use `default_F` here"),
        ("a lone ` backtick", "a lone \\` backtick"),
        ("# no heading", "\\# no heading"),
        ("1. no list", "1\\. no list"),
        ("10 % of 3.5 - 2", "10 % of 3.5 - 2"),
        ("- no list", "\\- no list"),
        ("-1.5 and 3.11.7", "-1.5 and 3.11.7"),
        ("3.11.7", "3.11.7"),
        ("--- no rule", "\\--- no rule"),
        ("a | b", "a \\| b"),
        ("two\nlines", "two lines"),
        ("colour \x1b[31m", "colour ␛\\[31m"),
        ("\u202egnp.exe", "\N{REPLACEMENT CHARACTER}gnp.exe"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("", ""),
    ],
)
def test_prose_is_escaped_no_more_than_it_needs(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"), (0.0, "0"), (-0.0, "-0"), (1, "1"), (12345678901, "12345678901"), (True, "yes"),
        (15819040.0, "15819040"), (983760.69, "983760.69"), (1e-10, "1e-10"),
        (0.1 + 0.2, "0.3"), (float("nan"), "nan"), (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_a_figure_reads_as_people_write_it(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_seconds_have_two_digits() -> None:
    assert (seconds(None), seconds(1.005), seconds(62)) == ("–", "1.00 s", "62.00 s")
