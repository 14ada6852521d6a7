"""The text of a page as lines with their own ends, and edits that change nothing else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

# what CommonMark calls a line ending; Python's own splitlines knows more of them
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_END = re.compile(r"(?:\r\n|\r|\n)\Z")


@dataclass(frozen=True)
class Edit:
    """Characters `start` to `end` of a text replaced by others."""

    start: int
    end: int
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; what no edit names stays as it is.

    Raises:
        ValueError: Two edits overlap.
    """
    parts, at = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start < at:
            raise ValueError("two edits of one page overlap")
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])


@dataclass(frozen=True)
class Source:
    """A page's text.

    Bytes that are no UTF-8 are kept as lone surrogates, so that they come out again as they were.
    """

    text: str

    @classmethod
    def of(cls, data: bytes) -> "Source":
        """The source of a file's bytes."""
        return cls(data.decode("utf-8", "surrogateescape"))

    @cached_property
    def lines(self) -> list[str]:
        """The lines with their ends; joined they are the text."""
        return _LINE.findall(self.text)

    @cached_property
    def starts(self) -> list[int]:
        """Where each line begins in the text, and after them where the text ends."""
        starts = [0]
        for line in self.lines:
            starts.append(starts[-1] + len(line))
        return starts

    def content(self, number: int) -> str:
        """A line (from 0) without its end."""
        return _END.sub("", self.lines[number])

    def is_blank(self, number: int) -> bool:
        """Whether a line holds nothing but white space."""
        return not self.lines[number].strip()

    def end_near(self, number: int) -> str:
        """The line end that a new line beside line `number` takes: that of the nearest line that has one."""
        for near in (number, number - 1, number + 1, *range(number - 2, -1, -1)):
            if 0 <= near < len(self.lines) and (match := _END.search(self.lines[near])):
                return match[0]
        return "\n"

    def last_filled(self, first: int, stop: int) -> int:
        """The last line of `first` to `stop` (exclusive) that is not blank; `first - 1` if all are."""
        return next((n for n in range(stop - 1, first - 1, -1) if not self.is_blank(n)), first - 1)

    def replace(self, number: int, start: int, end: int, text: str) -> Edit:
        """An edit within a line, columns `start` to `end`."""
        return Edit(self.starts[number] + start, self.starts[number] + end, text)

    def insert(self, before: int, new: list[str], like: int) -> Edit:
        """An edit that puts new lines before line `before`.

        Args:
            before: Number of the line that follows; the number of lines for the end of the page.
            new: The lines without ends.
            like: Number of the line whose end they take.
        """
        end = self.end_near(like)
        at = self.starts[before]
        unfinished = before == len(self.lines) and bool(self.lines) and not _END.search(self.lines[-1])
        if unfinished:  # the page ends without a line end, and goes on doing so
            return Edit(at, at, "".join(end + line for line in new))
        return Edit(at, at, "".join(line + end for line in new))
