"""Putting foreign text into Markdown without letting it become markup."""

import math
import re

_LONGEST_RUN = re.compile(r"`+")


def inline_code(text: str) -> str:
    """Text as inline code, whatever backticks it holds; line breaks become spaces."""
    flat = " ".join(text.split())
    fence = "`" * (max((len(run) for run in _LONGEST_RUN.findall(flat)), default=0) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") or not flat else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def cell(text: str) -> str:
    """Text for a table cell."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("\r", " ")


def code_block(text: str, language: str = "") -> str:
    """Text as a fenced block, with a fence longer than any in it."""
    runs = [len(run) for run in re.findall(r"^\s*(`{3,})", text, re.MULTILINE)]
    fence = "`" * max([3, *(run + 1 for run in runs)])
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def plain(text: str) -> str:
    """One line of prose from a plan or a test: characters that open markup are escaped."""
    flat = " ".join(text.split())
    return re.sub(r"([\\<>\[\]|])", r"\\\1", flat)


def number(value: float | None, digits: int = 9) -> str:
    """A figure as people read it: integers plain, zero as 0, null as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
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
