"""Edits of a ledger page; each gives the edits of the text that it takes, none where there is nothing to do."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, unquote

from gradtriage.errors import UsageError
from gradtriage.ledger.page import STATUSES, AttemptList, Field, Item, Page, anchor, read_page, status_word
from gradtriage.ledger.source import Edit, Source, apply
from gradtriage.ledger.style import DEFAULT_LINE, AttemptLine, take_apart, written_like

DEFAULT_PRIORITY = "P2"


@dataclass(frozen=True)
class NewAttempt:
    """What is to be noted.

    Attributes:
        text: What was found, on one line.
        evidence: Path of the evidence folder from the ledger's folder, with forward slashes; None without evidence.
        stamp: The evidence's stamp.
    """

    text: str
    now: datetime
    evidence: str | None = None
    stamp: str | None = None

    @property
    def written(self) -> str:
        """The words with the link to the evidence."""
        return f"{self.text} ([evidence]({quote(self.evidence)}/summary.md))" if self.evidence else self.text


@dataclass(frozen=True)
class NewItem:
    """An item to be opened; `fields` holds what stands below status and priority, in order."""

    id: str
    title: str
    priority: str = DEFAULT_PRIORITY
    status: str = "open"
    fields: dict[str, str] = field(default_factory=dict)


def attempt_edits(page: Page, item: Item, news: Sequence[NewAttempt], archived: Sequence[str] = ()) -> list[Edit]:
    """Notes attempts of an item, each once: the same evidence, or without it the same words on the same day.

    Args:
        page: The ledger.
        item: One of its items.
        news: What is to be noted, the oldest first.
        archived: The text of the item's attempts that the ledger holds no more.
    """
    known = [*(attempt.body for attempt in item.attempts), *archived]
    news = [new for new in news if not any(_is_same(body, new) for body in known)]
    if not news:
        return []
    first = max((attempt.head.value or 0 for attempt in item.attempts), default=0) + 1
    newest = newest_first(page, item)
    neighbour = _neighbour(page, item, newest)
    lines = [written_like(neighbour, n, new.now, new.stamp, new.written) for n, new in enumerate(news, first)]
    if newest:
        lines.reverse()
    if item.history is None:
        return _first_history(page, item, lines)
    if not item.attempts:
        return _first_attempts(page, item.history, lines)
    beside = item.attempts[0] if newest else item.attempts[-1]
    if _apart(page, item):
        lines = [part for line in lines for part in ((line, "") if newest else ("", line))]
    return [page.source.insert(beside.first if newest else beside.stop, lines, like=beside.first)]


def _apart(page: Page, item: Item) -> bool:
    """Whether blank lines part the attempts from each other."""
    gaps = [(before.stop, after.first) for before, after in pairwise(item.attempts)]
    return any(start < stop and all(page.source.is_blank(n) for n in range(start, stop)) for start, stop in gaps)


def _neighbour(page: Page, item: Item, newest: bool) -> AttemptLine:
    """The attempt line to imitate: the latest of the item, else of the nearest item that has one."""
    others = [other for other in page.items if other.attempts]
    nearest = item if item.attempts else min(others, key=lambda other: abs(other.first - item.first), default=None)
    return nearest.attempts[0 if newest else -1].head if nearest else DEFAULT_LINE


def evidence_path(ledger: Path, folder: Path) -> str:
    """The path of an evidence folder as the ledger names it: from its own folder, with forward slashes."""
    return Path(os.path.relpath(os.path.realpath(folder), os.path.realpath(ledger.parent))).as_posix()


def holds_evidence(body: str, evidence: str) -> bool:
    """Whether an attempt's text names an evidence folder."""
    return re.search(rf"{re.escape(evidence)}(?![\w-])", unquote(body)) is not None


def _is_same(body: str, new: NewAttempt) -> bool:
    if new.evidence is not None:
        return holds_evidence(body, new.evidence)
    head = take_apart(Source(body).content(0))
    same_day = head.moment is not None and head.moment.date() == new.now.astimezone(UTC).date()
    return same_day and head.text == new.text


def newest_first(page: Page, item: Item) -> bool:
    """The order of attempts: as the item has it, else as most of the others do, else the newest first."""
    for items in ((item,), page.items):
        votes = [_order(item) for item in items]
        if any(votes):
            return votes.count(1) > votes.count(-1)
    return True


def _order(item: Item) -> int:
    """1 for the newest first, -1 for the oldest first, 0 where it cannot be seen."""
    heads = [attempt.head for attempt in item.attempts]
    numbers = [head.value for head in heads if head.value is not None]
    moments = [head.moment.timestamp() for head in heads if head.moment is not None]
    return _direction(numbers) or _direction(moments)


def _direction(values: Sequence[float]) -> int:
    return (values[0] > values[-1]) - (values[0] < values[-1]) if values else 0


def _first_attempts(page: Page, history: AttemptList, lines: list[str]) -> list[Edit]:
    """The first lines below a heading (after one blank line), or below the list entry that announces attempts."""
    source = page.source
    if history.nested:
        return [source.insert(history.opening + 1, _indented(lines, history.inside), history.opening)]
    after = history.opening + 1
    lines = _indented(lines, 0)
    if after < len(source.lines) and source.is_blank(after):
        after += 1
    else:
        lines = ["", *lines]
    if after < len(source.lines) and not source.is_blank(after):
        lines.append("")
    return [source.insert(after, lines, history.opening)]


def _first_history(page: Page, item: Item, lines: list[str]) -> list[Edit]:
    """An item without any place for attempts gets one at its end, as the other items have it."""
    source = page.source
    model = next((other.history for other in page.items if other.history is not None), None)
    last = _last_line_of(page, item)
    if model is not None and model.nested and item.fields:
        new = [source.content(model.opening), *_indented(lines, model.inside)]
    else:
        heading = source.content(model.opening) if model else "#" * (item.level + 1) + " Attempts"
        new = ["", heading, "", *_indented(lines, 0)]
    edits = [source.insert(last + 1, new, last)]
    if not read_page(apply(source.text, edits).encode("utf-8", "surrogateescape")).item(item.id).attempts:
        raise UsageError(
            f"{item.id}: no attempt can be placed in its section, in which something is left open (a code block, a "
            "comment); close it"
        )
    return edits


def _indented(lines: Sequence[str], columns: int) -> list[str]:
    return [" " * columns + line.lstrip() for line in lines]


def _last_line_of(page: Page, item: Item) -> int:
    """The last line of an item's section; a rule that parts it from the next item is not counted."""
    last = page.source.last_filled(item.first, item.stop)
    if last > item.body and re.fullmatch(r" {0,3}(?:(?:- *){3,}|(?:\* *){3,}|(?:_ *){3,})", page.source.content(last)):
        last = page.source.last_filled(item.first, last)
    return last


def field_edits(page: Page, item: Item, name: str, value: str) -> list[Edit]:
    """Sets a field; of a status only the word, and not the remark behind it. A field that is missing is added."""
    source, found = page.source, item.field(name)
    if found is None:
        return _new_field(page, item, name, value)
    if name.lower() == "status":
        word = status_word(found.value)
        at = found.value.find(word) if word else 0
        if word == value:
            return []
        start = found.value_at.start + at
        return [source.replace(found.line, start, start + len(word), _spaced(source.content(found.line), start, value))]
    if found.value == value:
        return []
    start, end = found.value_at.start, found.value_at.end
    return [source.replace(found.line, start, end, _spaced(source.content(found.line), start, value))]


def _spaced(line: str, at: int, value: str) -> str:
    return value if line[:at].endswith((" ", "\t", "*", "_", "`")) else f" {value}"


_KNOWN = ("status", "priority", "plan", "reproduce", "cluster", "test", "first seen", "last seen")


def _new_field(page: Page, item: Item, name: str, value: str) -> list[Edit]:
    """A line behind the last of the known fields that stand before it, in that one's style."""
    rank = _KNOWN.index(name.lower()) if name.lower() in _KNOWN else len(_KNOWN)
    before = [f for f in item.fields if f.name.lower() in _KNOWN[:rank]] or list(item.fields[:1])
    if not before:
        return [page.source.insert(item.body, ["", f"- {name}: {value}"], item.first)]
    neighbour = before[-1]
    return [page.source.insert(neighbour.stop, [_field_like(page, neighbour, name, value)], neighbour.line)]


def _field_like(page: Page, neighbour: Field, name: str, value: str) -> str:
    line = page.source.content(neighbour.line)
    return line[: neighbour.value_at.start].replace(neighbour.name, name, 1).rstrip() + f" {value}"


def status_edits(page: Page, item: Item, status: str) -> list[Edit]:
    """Sets an item's status in its section and in the index.

    Raises:
        UsageError: No status of the ledger.
    """
    if status not in STATUSES:
        raise UsageError(f"{status!r} is no status; there are {', '.join(STATUSES)}")
    edits = field_edits(page, item, "Status", status)
    row = page.index.row(item.id) if page.index else None
    if page.index is not None and row is not None:
        at = page.index.columns.index("status")
        if at < len(row.at) and (word := status_word(row.cells[at])) != status:
            start = row.at[at].start + max(0, row.cells[at].find(word))
            edits.append(page.source.replace(row.line, start, start + len(word), status))
    return edits


def next_id(page: Page, wanted: str) -> str:
    """An id that is free: the one that is wanted, or with the next number where it ends without one."""
    if re.search(r"[0-9]$", wanted):
        return wanted
    stem = wanted.rstrip("-")
    taken = [m for item in page.items if (m := re.fullmatch(rf"{re.escape(stem)}-([0-9]+)", item.id))]
    number = max((int(match[1]) for match in taken), default=0) + 1
    width = max((len(match[1]) for match in taken), default=3)
    return f"{stem}-{number:0{width}d}"


def item_edits(page: Page, new: NewItem) -> list[Edit]:
    """Opens an item: a section behind the last one and a row of the index, both in the page's own style."""
    source = page.source
    edits = _row_edits(page, new)
    last_item = page.items[-1] if page.items else None
    at = _last_line_of(page, last_item) + 1 if last_item else source.last_filled(0, len(source.lines)) + 1
    lines = _section(page, new, last_item)
    edits.append(source.insert(at, ["", *lines] if at else lines, max(0, at - 1)))
    return edits


def _section(page: Page, new: NewItem, like: Item | None) -> list[str]:
    source = page.source
    level, bracketed = (like.level, "[" in source.content(like.first)) if like else (2, True)
    fields = {"Status": new.status, "Priority": new.priority, **new.fields}
    neighbour = next((f for f in like.fields if f.name.lower() == "status"), None) if like else None
    if neighbour is not None:
        written = [_field_like(page, neighbour, name, value) for name, value in fields.items()]
    else:
        written = [f"- {name}: {value}" for name, value in fields.items()]
    heading = f"{'#' * level} [{new.id}] {new.title}" if bracketed else f"{'#' * level} {new.id}: {new.title}"
    if like is not None and like.history is not None and like.history.nested:
        return [heading, *([""] if source.is_blank(like.body) else []), *written, source.content(like.history.opening)]
    opening = source.content(like.history.opening) if like and like.history else f"{'#' * (level + 1)} Attempts"
    return [heading, "", *written, "", opening, ""]


def _row_edits(page: Page, new: NewItem) -> list[Edit]:
    index = page.index
    if index is None:
        return []
    linked = not index.rows or "](" in index.cell(index.rows[-1], index.columns[index.id_column])
    name = f"[{new.id}](#{anchor(f'[{new.id}] {new.title}')})" if linked else new.id
    cells = {"title": new.title.replace("|", "\\|"), "priority": new.priority, "status": new.status}
    cells[index.columns[index.id_column]] = name
    after = index.rows[-1].line if index.rows else index.head + 1
    row = "| " + " | ".join(cells.get(column, "") for column in index.columns) + " |"
    return [page.source.insert(after + 1, [row], after)]
