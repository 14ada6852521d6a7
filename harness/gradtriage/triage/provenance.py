"""Whether the figures of a page come from the files of its evidence, or were typed by somebody."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from gradtriage.errors import DocumentError
from gradtriage.evidence.junit import read_junit
from gradtriage.triage.captured import Captured, read_captured

_SOURCES = ("*.json", "exit_code.txt", "command.txt", "pytest.xml", "pytest.log")
_NOT_SOURCES = ("manifest.json",)  # sizes and hashes of files say nothing about the run
# a run of characters with a digit in it: a number, or a name, date or version that happens to hold one
_WORD = re.compile(r"[-+−]?[\w.:,/-]*\d[\w.:+/-]*(?:,\d{3}\b[\w.]*)*")
# what such words stand in, between blanks; cut where it is long, so that a line of megabytes is read once
_RUN = re.compile(r"[-+−\w.:,/]{1,400}")
_DIGIT = re.compile(r"\d")
_GROUPS = re.compile(r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_LIST_NUMBER = re.compile(r"(?m)^[ \t]*[0-9]{1,9}[.)](?=[ \t])")
_LINK_TARGET = re.compile(r"\]\(<?[^)>]*>?\)")


@dataclass(frozen=True)
class FigurePool:
    """The figures that a run's files hold.

    Attributes:
        values: Every number in them, in order.
        count: How many things there are to count: a whole number up to it may be a count over the files.
        text: The files as they are.
    """

    values: tuple[float, ...]
    count: int
    text: str

    def has(self, written: str) -> bool:
        """Whether a figure as it is written stands in the files, possibly with more digits there."""
        figure = _decimal(written)
        if figure is None or (figure == figure.to_integral_value() and 0 <= figure <= self.count):
            return True
        exponent = figure.as_tuple().exponent
        half = 0.5000001 * 10.0 ** (exponent if isinstance(exponent, int) and exponent < 0 else 0)
        value = float(figure)
        near = bisect_left(self.values, value - half)
        if near < len(self.values) and self.values[near] <= value + half:
            return True
        return _rounded(written, value, self.values) or (len(written) > 4 and written in self.text)


def _rounded(written: str, value: float, values: tuple[float, ...]) -> bool:
    """A figure in scientific notation, or a large one with its last digits rounded away, as `%g` writes it."""
    digits = len(re.sub(r"[eE].*|[^0-9]", "", written).lstrip("0")) or 1
    if "e" not in written.lower() and digits < 6:
        return False
    slack = abs(value) * 0.5000001 * 10.0 ** (1 - digits)
    near = bisect_left(values, value - slack)
    return near < len(values) and values[near] <= value + slack


def figure_pool(folder: Path) -> FigurePool:
    """The figures of an evidence folder.

    Raises:
        DocumentError: A document of the folder cannot be read.
    """
    captured = read_captured(folder)
    paths = sorted({path for pattern in _SOURCES for path in folder.glob(pattern)})
    text = "\n".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in paths
        if path.is_file() and path.name not in _NOT_SOURCES
    )
    numbers = [float(figure) for word in _words(text) if (figure := _decimal(word)) is not None]
    derived = list(_derived(captured))
    counted = (len(captured.named), len(captured.gradients.records), len(captured.collected), len(captured.started))
    values = {abs(number) for number in numbers} | set(numbers) | set(derived)
    return FigurePool(tuple(sorted(values)), max(10, *counted), text)


def _derived(captured: Captured) -> Iterator[float]:
    """What follows from the files by a sum or a difference, or is told in percent."""
    start, end = datetime.fromisoformat(captured.task.start), datetime.fromisoformat(captured.ending.end)
    wall, call = (end - start).total_seconds(), captured.call_seconds
    yield from (wall, call)
    try:
        seconds = read_junit(captured.folder / "pytest.xml").seconds
    except DocumentError:
        seconds = wall
    yield from (seconds, max(0.0, seconds - call), max(0.0, wall - call))
    for compared in (captured.diagnosis.differential, captured.diagnosis.compiled) if captured.diagnosis else ():
        for both in compared.gradients.values() if compared else ():
            if both.relative_difference is not None:
                yield 100 * both.relative_difference


def unfounded_figures(page: str, pool: FigurePool) -> list[str]:
    """The figures of a page that stand in none of the files, each once, in the order of the page."""
    prose = _LINK_TARGET.sub("]", _LIST_NUMBER.sub("", page)).replace("\\", "")
    found = [word for word in _words(prose) if not pool.has(word)]
    return list(dict.fromkeys(found))


def _words(text: str) -> Iterator[str]:
    for run in _RUN.finditer(text):
        if not _DIGIT.search(run[0]):
            continue
        for match in _WORD.finditer(run[0]):
            yield match[0].replace("−", "-").strip(".,:;/").rstrip("-+")


def _decimal(word: str) -> Decimal | None:
    """The number that a word writes; None for a name, a date or a version."""
    if _GROUPS.fullmatch(word):
        word = word.replace(",", "")
    if not re.fullmatch(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?", word):
        return None
    try:
        return Decimal(word)
    except InvalidOperation:
        return None
