"""Putting foreign text into Markdown without letting it become markup."""

import math
import re
from urllib.parse import quote

from gradtriage.triage.wording import inline_code, one_line, visible

__all__ = ["cell", "code_block", "inline_code", "link", "number", "plain", "reading", "seconds"]

_CODE_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_INLINE_MARKUP = re.compile(r"[\\`*<>\[\]|~&]|(?<![^\W_])_|_(?![^\W_])")
_BLOCK_MARKUP = re.compile(r"([0-9]{0,9})([.)](?= |$)|[-+=#](?=[-=# ]|$))")


def cell(text: str) -> str:
    """Text for inline code in a table cell: there a bar is escaped, and a backslash is no escape."""
    return one_line(text).replace("|", "\\|")


def code_block(text: str, language: str = "") -> str:
    """Text as a fenced block, with a fence longer than any in it."""
    runs = [len(run) for run in re.findall(r"^\s*(`{3,})", text, re.MULTILINE)]
    fence = "`" * max([3, *(run + 1 for run in runs)])
    lines = "\n".join(visible(line) for line in text.rstrip().split("\n"))
    return f"{fence}{language}\n{lines}\n{fence}"


def plain(text: str) -> str:
    """One line of prose from a plan or a test. Only `code` in single backticks stays markup."""
    flat = one_line(text)
    parts = _CODE_SPAN.split(flat)
    escaped = [inline_code(part) if n % 2 else _INLINE_MARKUP.sub(r"\\\g<0>", part) for n, part in enumerate(parts)]
    # what opens a block at the beginning of a line
    escaped[0] = _BLOCK_MARKUP.sub(r"\1\\\2", escaped[0], count=1) if _BLOCK_MARKUP.match(flat) else escaped[0]
    return "".join(escaped)


def link(path: str) -> str:
    """A path for a link in angle brackets."""
    return quote(path, safe="/")


def number(value: float | None, digits: int = 9) -> str:
    """A figure as people read it: integers plain, zero as 0, null as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return str(value)
    return f"{value:.{digits}g}"


def seconds(value: float | None) -> str:
    """A duration with two digits behind the point."""
    return "–" if value is None else f"{value:.2f} s"


def reading(values: dict[str, object]) -> str:
    """Figures with the values that they had, as `name = value` in inline code."""
    shown = (
        number(value, 6) if isinstance(value, (int, float)) else "–" if value is None else str(value)
        for value in values.values()
    )
    return ", ".join(inline_code(f"{name} = {value}") for name, value in zip(values, shown, strict=True))
