"""Old attempts, moved from the ledger to the page beside it so that the ledger stays short."""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from gradtriage.errors import EvidenceError
from gradtriage.evidence.files import write_whole
from gradtriage.ledger.edits import newest_first
from gradtriage.ledger.file import edit_ledger
from gradtriage.ledger.page import Attempt, Item, Page, read_page
from gradtriage.ledger.source import Edit, Source, apply


def archive_path(ledger: Path) -> Path:
    """The page that a ledger's old attempts go to."""
    ledger = Path(os.path.realpath(ledger))
    return ledger.with_name(f"{ledger.stem}_archive{ledger.suffix}")


def archived_bodies(ledger: Path, item_id: str) -> list[str]:
    """The text of each archived attempt of an item."""
    page = _read(archive_path(ledger))
    return [attempt.body for item in page.items if item.id == item_id for attempt in item.attempts]


def archive_attempts(ledger: Path, item_ids: Collection[str], keep: int) -> dict[str, int]:
    """Moves all but the newest attempts of items; the one with the highest number stays in any case.

    The archive is written first. A command that was killed in between leaves attempts in both pages, and the next one
    removes them from the ledger without writing them twice.

    Args:
        ledger: The ledger.
        item_ids: The items; all of them if empty.
        keep: How many attempts stay.

    Returns:
        How many attempts were moved, by item; items with none are left out.
    """
    moved: dict[str, int] = {}

    def edits(page: Page) -> list[Edit]:
        wanted = [page.item(item_id) for item_id in item_ids] or page.items
        old = {item.id: found for item in wanted if (found := _old_attempts(page, item, keep))}
        moved.clear()
        moved.update({item_id: len(attempts) for item_id, attempts in old.items()})
        if not old:
            return []
        _add_to_archive(page, archive_path(ledger), old)
        return [edit for item in wanted for edit in _removals(page, item, old.get(item.id, []))]

    edit_ledger(ledger, edits)
    return moved


def _old_attempts(page: Page, item: Item, keep: int) -> list[Attempt]:
    attempts = list(item.attempts)
    old = attempts[keep:] if newest_first(page, item) else attempts[: max(0, len(attempts) - keep)]
    highest = max((attempt.head.value or 0 for attempt in attempts), default=0)
    return [attempt for attempt in old if not highest or attempt.head.value != highest]


def _removals(page: Page, item: Item, old: Sequence[Attempt]) -> Iterator[Edit]:
    """Each attempt with the blank lines between it and its neighbour; what else stands between attempts stays."""
    source, attempts = page.source, item.attempts
    from_top = bool(old) and old[0] == attempts[0]
    for attempt in old:
        at = attempts.index(attempt)
        first, stop = attempt.first, attempt.stop
        if from_top and at + 1 < len(attempts):
            following = attempts[at + 1].first
            stop = following if all(source.is_blank(n) for n in range(stop, following)) else stop
        elif not from_top:
            before = attempts[at - 1].stop
            first = before if all(source.is_blank(n) for n in range(before, first)) else first
        yield Edit(source.starts[first], source.starts[stop], "")


def _read(path: Path) -> Page:
    try:
        return read_page(path.read_bytes())
    except FileNotFoundError:
        return read_page(b"")


def _add_to_archive(page: Page, path: Path, old: dict[str, list[Attempt]]) -> None:
    """Writes attempts into the archive, in the ledger's order of attempts and with its line ends."""
    for item_id, attempts in old.items():
        archive = _read(path)
        item = page.item(item_id)
        known = next((found for found in archive.items if found.id == item_id), None)
        there = {attempt.body.rstrip() for attempt in known.attempts} if known else set()
        new = [body for attempt in attempts if (body := _dedented(attempt.body)).rstrip() not in there]
        if not new:
            continue
        lines = [line for body in new for line in _contents(body)]
        if known is None or not known.attempts:
            at, lines = len(archive.source.lines), _section(archive, item, lines)
        else:
            at = known.attempts[0].first if newest_first(page, item) else known.attempts[-1].stop
        like = page.source if not archive.source.lines else archive.source
        edit = Edit(archive.source.starts[at], archive.source.starts[at], _joined(lines, like.end_near(0)))
        try:
            write_whole(path, apply(archive.source.text, [edit]).encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise EvidenceError(f"{path}: {error.strerror or error}; make it writable and try again") from error


def _joined(lines: Sequence[str], end: str) -> str:
    return "".join(line + end for line in lines)


def _section(archive: Page, item: Item, lines: list[str]) -> list[str]:
    head = [] if archive.source.lines else ["# Archive of old attempts"]
    return [*head, "", f"## [{item.id}] {item.title}", "", "### Attempts", "", *lines]


def _contents(text: str) -> list[str]:
    source = Source(text)
    return [source.content(number) for number in range(len(source.lines))]


def _dedented(body: str) -> str:
    """A nested attempt without the indentation of its first line."""
    indent = body[: len(body) - len(body.lstrip(" \t"))]
    return "".join(line.removeprefix(indent) for line in Source(body).lines)
