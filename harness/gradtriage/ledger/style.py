"""How a page writes its attempts: read from the lines that are there, so that a new one looks like its neighbours."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from gradtriage.evidence.stamp import mint

_MARKER = re.compile(r"[ \t]*(?:[-*+]|(?P<ordinal>[0-9]{1,9})[.)])(?:[ \t]+|$)")
_WHEN = re.compile(
    r"(?P<stamp>[0-9]{8}T[0-9]{6}Z)(?:-[0-9]+)?"
    r"|(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:(?P<gap>[T ])(?P<clock>[0-9]{2}:[0-9]{2}(?P<second>:[0-9]{2})?)Z?)?"
)
_NUMBER = re.compile(r"(?:(?:attempt|try|run|no\.?)[ \t]*#?[ \t]*|#)(?P<number>[0-9]{1,9})\b", re.IGNORECASE)
_OPENING, _CLOSING = re.compile(r"[\[(*_`~]*"), re.compile(r"[\])*_`~]*[ \t]*(?:[-–—:,;.|]+[ \t]*)*")
_LABEL = re.compile(r"(?:\*\*|__)?(?:result|outcome)(?:\*\*|__)?[ \t]*:(?:\*\*|__)?[ \t]*", re.IGNORECASE)

DEFAULT_MARKER = "- "
DEFAULT_HEAD = "#1 20260101T000000Z: "


@dataclass(frozen=True)
class Span:
    """Columns of a line."""

    start: int
    end: int


@dataclass(frozen=True)
class AttemptLine:
    """The first line of an attempt, taken apart.

    Attributes:
        line: The line without its end.
        text_at: Column at which the words begin, after marker, number and date.
        number, when, ordinal: Columns of the attempt's number, its date or stamp, and a list's own number.
    """

    line: str
    text_at: int
    marker_end: int
    number: Span | None = None
    when: Span | None = None
    ordinal: Span | None = None

    @property
    def text(self) -> str:
        """What was found."""
        return self.line[self.text_at :].strip()

    @property
    def value(self) -> int | None:
        """The attempt's number, if the page numbers attempts."""
        return int(self.line[self.number.start : self.number.end]) if self.number else None

    @property
    def written_when(self) -> str:
        """The date or stamp as it stands there; empty without one."""
        return self.line[self.when.start : self.when.end] if self.when else ""

    @property
    def moment(self) -> datetime | None:
        """When it was, in UTC; None without a date or with one that no calendar has."""
        return read_moment(self.written_when)


def read_moment(text: str) -> datetime | None:
    """The moment that a stamp or an ISO date names; None if it names none."""
    match = _WHEN.fullmatch(text.strip())
    if match is None:
        return None
    try:
        if match["stamp"]:
            return datetime.strptime(match["stamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return datetime.fromisoformat(match["date"] + ("T" + match["clock"] if match["clock"] else "")).replace(
            tzinfo=UTC
        )
    except ValueError:
        return None


def take_apart(line: str) -> AttemptLine:
    """Reads the first line of an attempt: marker, number and date in any order, then the words."""
    marker = _MARKER.match(line)
    at = marker_end = marker.end() if marker else len(line) - len(line.lstrip())
    ordinal = Span(*marker.span("ordinal")) if marker and marker["ordinal"] else None
    number = when = None
    while True:
        start = _past(_OPENING, line, at)
        if when is None and (found := _WHEN.match(line, start)):
            when = Span(*found.span())
        elif number is None and (found := _NUMBER.match(line, start)):
            number = Span(*found.span("number"))
        else:
            break
        at = _past(_CLOSING, line, found.end())
    if (number or when) and (label := _LABEL.match(line, at)):
        at = label.end()
    return AttemptLine(line, at, marker_end, number, when, ordinal)


def _past(pattern: re.Pattern[str], line: str, at: int) -> int:
    match = pattern.match(line, at)
    return match.end() if match else at


def written_like(neighbour: AttemptLine, number: int, now: datetime, stamp: str | None, text: str) -> str:
    """A new attempt's line in the style of another one.

    Args:
        neighbour: The line to imitate.
        number: The number, for a page that numbers attempts.
        now: The moment.
        stamp: The evidence's stamp, for a page that writes stamps; None for that of the moment.
        text: What was found, on one line.
    """
    line = neighbour.line
    moment = _moment_like(neighbour.written_when, now, stamp)
    swaps = [(neighbour.number, str(number)), (neighbour.when, moment)]
    if neighbour.ordinal is not None:
        swaps.append((neighbour.ordinal, str(_next_ordinal(neighbour))))
    head = line[: neighbour.text_at]
    for span, new in sorted(((s, n) for s, n in swaps if s is not None), key=lambda swap: -swap[0].start):
        head = head[: span.start] + new + head[span.end :]
    if neighbour.when is None:  # without a day nobody could tell a repetition from a new attempt
        head = f"{head}{moment}: " if neighbour.number is None else f"{head.rstrip()} {moment}: "
    return (head if head.endswith((" ", "\t")) else head + " ") + text


def _next_ordinal(neighbour: AttemptLine) -> int:
    assert neighbour.ordinal is not None  # noqa: S101 - asked by the caller
    value = int(neighbour.line[neighbour.ordinal.start : neighbour.ordinal.end])
    return value if value == 0 else value + 1


def _moment_like(written: str, now: datetime, stamp: str | None) -> str:
    match = _WHEN.fullmatch(written)
    if match is None or match["stamp"]:
        return stamp or mint(now)
    moment = (read_moment(stamp) if stamp else None) or now.astimezone(UTC)
    if not match["clock"]:
        return moment.strftime("%Y-%m-%d")
    form = "%Y-%m-%d" + match["gap"] + ("%H:%M:%S" if match["second"] else "%H:%M")
    return moment.strftime(form) + ("Z" if written.endswith("Z") else "")


DEFAULT_LINE = take_apart(DEFAULT_MARKER + DEFAULT_HEAD)
