"""The texts of the code under test in two runs: which lines changed, and which line became which."""

from __future__ import annotations

import contextlib
import io
import linecache
import sys
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from gradtriage.probe.explain.differential.recording import portable
from gradtriage.probe.frames import USER, kind_of

_MOST_BYTES = 16 << 20
_NO_CODE = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT})


@dataclass(frozen=True)
class Hunk:
    """Lines of a file that are others today.

    Attributes:
        file: As `portable` names it.
        then: Numbers of the lines then; empty where lines were added.
        now: Numbers of the lines today; empty where lines are gone.
        numbers: Those that stand in the lines, then and today.
    """

    file: str
    then: range
    now: range
    numbers: tuple[frozenset[float], frozenset[float]]


def loaded_files(root: Path) -> dict[str, str]:
    """The files of the code under test that Python has loaded: portable name to absolute name."""
    found: dict[str, str] = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py") and kind_of(file) == USER:
            found[portable(file, str(root))] = file
    return found


def texts_of(files: Mapping[str, str]) -> dict[str, str]:
    """Their texts, as far as there is room for them."""
    found: dict[str, str] = {}
    left = _MOST_BYTES
    for name, file in sorted(files.items()):
        text = "".join(linecache.getlines(file))
        left -= len(text)
        if text and left > 0:
            found[name] = text
    return found


class Texts:
    """The code then and today.

    Args:
        then: Texts by portable name.
        now: The same today.
        files: Absolute names of today's files by portable name.
    """

    def __init__(self, then: Mapping[str, str], now: Mapping[str, str], files: Mapping[str, str]) -> None:
        self._then = {name: text.splitlines() for name, text in then.items()}
        self._now = {name: text.splitlines() for name, text in now.items()}
        self.files = files
        self.hunks = [hunk for name in self._then if name in self._now for hunk in self._hunks(name)]

    def _opcodes(self, name: str) -> Sequence[tuple[str, int, int, int, int]]:
        return SequenceMatcher(None, self._then[name], self._now[name], autojunk=False).get_opcodes()

    def _hunks(self, name: str) -> list[Hunk]:
        if self._then[name] == self._now[name]:
            return []
        found = []
        for tag, a, b, c, d in self._opcodes(name):
            old, new = self._then[name][a:b], self._now[name][c:d]
            if tag != "equal" and _code(old) != _code(new):
                numbers = _numbers(old), _numbers(new)
                found.append(Hunk(name, range(a + 1, b + 1), range(c + 1, d + 1), numbers))
        return found

    def line_today(self, name: str, line: int) -> int | None:
        """The line that stands today where a line stood then; None for an unknown file."""
        if name not in self._then or name not in self._now:
            return None
        for tag, a, b, c, d in self._opcodes(name):
            if a < line <= b:
                offset = line - 1 - a
                return min(c + (offset if tag == "equal" else min(offset, max(0, d - c - 1))) + 1, len(self._now[name]))
        return None

    def line_then(self, name: str, line: int) -> tuple[int, str] | None:
        """The line, with its text, that was changed into a line of today; None for one that is new or as it was."""
        for hunk in self.hunks:
            if hunk.file == name and line in hunk.now and hunk.then:
                old = min(hunk.then.start + line - hunk.now.start, hunk.then.stop - 1)
                return old, self._then[name][old - 1].strip()
        return None

    def source(self, name: str, line: int) -> str:
        """A line's text today."""
        lines = self._now.get(name, [])
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""

    def origin(
        self, now: tuple[str, int] | None, then: tuple[str, int] | None, numbers: tuple[frozenset[float], ...]
    ) -> tuple[str, int] | None:
        """Where the change was made, if not on the line where it shows.

        Args:
            now: File and line at which it shows today.
            then: The same then.
            numbers: What the operation there was given then and today.

        Returns:
            A changed line that has today's number where it had then's; or the one place that changed at all. None
            where the line itself changed, or nothing is certain.
        """
        if any(_touches(hunk, now, then) for hunk in self.hunks):
            return None
        old, new = numbers[0] - numbers[1], numbers[1] - numbers[0]
        fits = [hunk for hunk in self.hunks if old & hunk.numbers[0] and new & hunk.numbers[1]]
        candidates = fits or self.hunks
        if len(candidates) != 1:
            return None
        (hunk,) = candidates
        return hunk.file, self._line_with(hunk, new) if hunk.now else max(1, hunk.now.start - 1)

    def _line_with(self, hunk: Hunk, numbers: frozenset[float]) -> int:
        for line in hunk.now:
            if _numbers([self._now[hunk.file][line - 1]]) & numbers:
                return line
        old = self._then[hunk.file][hunk.then.start - 1 : hunk.then.stop - 1]
        # of several changed lines the first that has code of its own
        return next(
            (line for line in hunk.now if _code([self._now[hunk.file][line - 1]]) not in map(_one, old)), hunk.now[0]
        )


def _one(line: str) -> list[str]:
    return _code([line])


def _touches(hunk: Hunk, now: tuple[str, int] | None, then: tuple[str, int] | None) -> bool:
    return (now is not None and hunk.file == now[0] and now[1] in hunk.now) or (
        then is not None and hunk.file == then[0] and then[1] in hunk.then
    )


def _tokens(lines: Sequence[str]) -> list[tokenize.TokenInfo]:
    found: list[tokenize.TokenInfo] = []
    text = "\n".join(line.strip() for line in lines)
    with contextlib.suppress(tokenize.TokenError, SyntaxError):  # a part of a statement: what came before stays
        found.extend(tokenize.generate_tokens(io.StringIO(text).readline))
    return found


def _code(lines: Sequence[str]) -> list[str]:
    """The tokens of lines, without comments and white space."""
    return [token.string for token in _tokens(lines) if token.type not in _NO_CODE and token.string.strip()]


def _numbers(lines: Sequence[str]) -> frozenset[float]:
    found = set()
    for token in _tokens(lines):
        if token.type == tokenize.NUMBER:
            try:
                found.add(float(token.string.replace("_", "")))
            except ValueError:
                continue
    return frozenset(found)
