"""From a command line to the flags that were given, in order (docs/physics.md, section 9)."""

from __future__ import annotations

import difflib
import math
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradbragg.errors import FlagWarning, UsageError
from gradbragg.flags.output_table import OWN
from gradbragg.flags.table import FLAGS, REFERENCE_FLAGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradbragg.flags.declaration import Flag

Value = str | float

_NUMBER = re.compile(r"\s*[-+]?(?:inf(?:inity)?|nan|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", re.IGNORECASE)
_WHOLE = re.compile(r"\s*[-+]?\d+")
_CRASHES_AT_THE_END = ("-detector_abs", "-detector_thick", "-detector_thicksteps")


@dataclass(frozen=True)
class Given:
    """A flag that was given.

    Args:
        flag: Which.
        values: Its values; counts are whole floats.
        position: Place on the line.
    """

    flag: Flag
    values: tuple[Value, ...]
    position: int

    def number(self, index: int = 0) -> float:
        """A value as a number."""
        return float(self.values[index])


def parse(argv: Sequence[str]) -> list[Given]:
    """Read a command line: gradbragg's own flags first, the others by exact name or as the reference does.

    Args:
        argv: The arguments, without the program's name.

    Raises:
        UsageError: A flag is unknown or its values are missing or wrong.
    """
    own, rest = _own_flags(list(argv))
    compat = any(given.flag.name == "--compat" for given in own)
    given = _reference_scan(rest) if compat else _exact_scan(rest)
    for one in given:
        _check_status(one.flag, compat)
    return own + given


def lenient_number(text: str) -> float:
    """The number that a text begins with, 0 where there is none."""
    found = _NUMBER.match(text)
    return float(found.group()) if found else 0.0


def lenient_whole(text: str) -> float:
    """The whole number that a text begins with, 0 where there is none."""
    found = _WHOLE.match(text)
    return float(int(found.group())) if found else 0.0


def _check_status(flag: Flag, compat: bool) -> None:
    if flag.status == "inert":
        warnings.warn(f"{flag.name} has no effect", FlagWarning, stacklevel=4)
    elif flag.name == "-pix0_vector" and compat:
        warnings.warn("-pix0_vector makes the convention custom; its numbers have no effect", FlagWarning, stacklevel=4)


def _own_flags(argv: list[str]) -> tuple[list[Given], list[str]]:
    """Take gradbragg's own flags out of a line; ``--name=value`` works too."""
    own: list[Given] = []
    rest: list[str] = []
    i = 0
    while i < len(argv):
        token = argv[i]
        i += 1
        name, equals, attached = token.partition("=")
        flag = next((flag for flag in OWN.flags if flag.is_named(name)), None)
        if flag is None:
            if token.startswith("--"):
                raise UsageError(f"unknown flag {token}{_suggestion(name)}")
            rest.append(token)
            continue
        words = [attached] if equals else argv[i : i + flag.args]
        flags_among = [word for word in words if word.startswith("-") and word != "-" and not _is_number(word)]
        if len(words) != flag.args or (flags_among and not equals):
            raise UsageError(f"{flag.name} needs {_wanted(flag)}, got {' '.join(words) or 'nothing'}")
        i += 0 if equals else flag.args
        own.append(Given(flag, tuple(_strict(flag, word) for word in words), -1))
    return own, rest


# exact names


def _exact_scan(argv: list[str]) -> list[Given]:
    given = []
    i = 0
    while i < len(argv):
        token = argv[i]
        flag = next((flag for flag in FLAGS if token == flag.name or token in flag.aliases), None)
        flag = flag or next((flag for flag in FLAGS if flag.is_named(token)), None)
        if flag is None:
            raise UsageError(f"unknown flag {token}{_suggestion(token)}")
        words = _words_after(flag, argv, i + 1)
        given.append(Given(flag, tuple(_strict(flag, word) for word in words), i))
        i += 1 + len(words)
    return given


def _words_after(flag: Flag, argv: list[str], start: int) -> list[str]:
    """The values of a flag, in exact mode."""
    if flag.kind == "cell":
        words: list[str] = []
        while len(words) < flag.args and start + len(words) < len(argv) and _is_number(argv[start + len(words)]):
            words.append(argv[start + len(words)])
        if not words:
            raise UsageError(f"{flag.name} needs {_wanted(flag)}")
        return words
    if flag.kind == "misset" and start < len(argv) and argv[start].startswith("rand"):
        return [argv[start]]
    words = argv[start : start + flag.args]
    flags_among = [word for word in words if word.startswith("-") and not _is_number(word)]
    if len(words) < flag.args or flags_among:
        raise UsageError(f"{flag.name} needs {_wanted(flag)}, got {' '.join(words) or 'nothing'}")
    return words


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _strict(flag: Flag, word: str) -> Value:
    """A value, or an error that says what is wrong with it."""
    if flag.kind in ("file", "word") or word.startswith("rand"):
        return word
    try:
        number = float(word)
        if flag.kind == "count":
            number = float(int(word))
    except ValueError:
        raise UsageError(f"{flag.name} needs {_wanted(flag)}, got {word!r}") from None
    if not math.isfinite(number) and flag.name != "-detector_abs":
        raise UsageError(f"{flag.name} needs a finite number, got {word!r}")
    return number


def _wanted(flag: Flag) -> str:
    noun = {"count": "whole number", "file": "file name", "word": "word", "cell": "number"}.get(flag.kind, "number")
    count = "1 to 6" if flag.kind == "cell" else ("a" if flag.args == 1 else str(flag.args))
    text = f"{count} {noun}{'' if flag.args == 1 else 's'}" + (
        f" [{flag.unit}]" if flag.unit not in ("", "file") else ""
    )
    return text + (" or the word random" if flag.kind == "misset" else "")


def _suggestion(token: str) -> str:
    names = [name for flag in FLAGS for name in (flag.name, *flag.aliases)]
    close = difflib.get_close_matches(token, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else "; --help lists the flags"


# as the reference program scans


def _reference_scan(argv: list[str]) -> list[Given]:
    given = []
    for i, token in enumerate(argv):
        if not token.startswith("-"):
            continue
        for flag in REFERENCE_FLAGS:
            if flag.occurs_in(token):
                words = _reference_words(flag, argv[i + 1 :])
                if words is not None:
                    given.append(Given(flag, tuple(_lenient(flag, word) for word in words), i))
    return given


def _reference_words(flag: Flag, following: list[str]) -> list[str] | None:
    """The values of a flag as the reference program takes them; None: it ignores the flag."""
    if flag.kind == "cell":
        stop = next((n for n, word in enumerate(following) if word.startswith("-")), len(following))
        return following[: min(stop, flag.args)] or None
    if flag.kind == "misset" and following and "rand" in following[0]:
        return following[:1]
    if flag.name == "-curved_det":
        return [] if following else None
    if len(following) < flag.args:
        if flag.name in _CRASHES_AT_THE_END:
            raise UsageError(f"{flag.name} is the last word and needs {_wanted(flag)}; the reference program crashes")
        return None
    return following[: flag.args]


def _lenient(flag: Flag, word: str) -> Value:
    if flag.kind in ("file", "word") or (flag.kind == "misset" and "rand" in word):
        return "random" if flag.kind == "misset" else word
    return lenient_whole(word) if flag.kind == "count" else lenient_number(word)
