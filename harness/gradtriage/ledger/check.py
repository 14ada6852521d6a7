"""What is wrong in a ledger: dead links, statuses, an index that disagrees, evidence that says something else."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

from gradtriage.errors import DocumentError, GradTriageError
from gradtriage.evidence.stamp import is_stamp
from gradtriage.ledger.evidence import item_evidence, seen_between
from gradtriage.ledger.file import read_ledger
from gradtriage.ledger.page import STATUSES, Attempt, Index, Item, Page, Row, anchor, status_word
from gradtriage.ledger.style import read_moment
from gradtriage.model.documents import Manifest
from gradtriage.triage.provenance import figure_pool, unfounded_figures

_CLOCKS = timedelta(minutes=5)  # between two machines


@dataclass(frozen=True)
class Fault:
    """Something wrong, and the line (from 1) it stands on."""

    line: int
    text: str


def check_ledger(ledger: Path) -> list[Fault]:
    """The faults of a ledger in the order of the page; none for one that is in order.

    Raises:
        UsageError: The ledger cannot be read.
    """
    page = read_ledger(ledger)
    faults = [*_links(ledger, page), *_index(page), *_numbers(page)]
    for item in page.items:
        faults += [*_status(item), *_attempts(ledger, item), *_evidence(ledger, item)]
    return sorted(faults, key=lambda fault: fault.line)


def _links(ledger: Path, page: Page) -> Iterator[Fault]:
    titles = Counter(anchor(title) for _, title in page.headings)
    anchors = {f"{name}-{n}" if n else name for name, count in titles.items() for n in range(count)}
    for block in MarkdownIt("commonmark").enable("table").parse(page.source.text):
        for child in block.children or ():
            target = child.attrGet("href") if child.type == "link_open" else child.attrGet("src")
            if child.type in ("link_open", "image") and target and not _leads_somewhere(ledger, str(target), anchors):
                line = _line_of(page, block.map or [0, 1], str(target))
                yield Fault(line, f"link to {unquote(str(target))} leads nowhere")


def _leads_somewhere(ledger: Path, target: str, anchors: set[str]) -> bool:
    try:
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            return True  # another site's pages are not ours to check
        if not parts.path:
            return unquote(parts.fragment).lower() in anchors
        return (ledger.parent / unquote(parts.path)).exists()
    except (OSError, ValueError):
        return False


def _line_of(page: Page, block: list[int], target: str) -> int:
    lines = list(enumerate(page.source.lines[block[0] : block[1]], block[0] + 1))
    return next((n for n, line in lines if target in line or unquote(target) in line), block[0] + 1)


def _status(item: Item) -> Iterator[Fault]:
    found = item.field("status")
    if found is None:
        yield Fault(item.first + 1, f"{item.id}: has no status; there are {', '.join(STATUSES)}")
    elif item.status not in STATUSES:
        yield Fault(found.line + 1, f"{item.id}: {item.status!r} is no status; there are {', '.join(STATUSES)}")


def _numbers(page: Page) -> Iterator[Fault]:
    """Ids and attempt numbers that were given twice."""
    ids = Counter(item.id for item in page.items)
    for item in page.items:
        if ids[item.id] > 1:
            yield Fault(item.first + 1, f"{item.id}: stands {ids[item.id]} times; give each item an id of its own")
        numbers = Counter(attempt.head.value for attempt in item.attempts if attempt.head.value is not None)
        for number, count in numbers.items():
            if count > 1:
                at = next(a.first for a in item.attempts if a.head.value == number)
                yield Fault(at + 1, f"{item.id}: attempt number {number} stands {count} times")


def _index(page: Page) -> Iterator[Fault]:
    index = page.index
    if index is None:
        return
    items = {item.id: item for item in page.items}
    for row in index.rows:
        item = items.get(index.id_of(row))
        if item is None:
            yield Fault(row.line + 1, f"index: {index.id_of(row) or 'a row without id'} has no section")
        else:
            yield from _row(index, row, item)
    for item in page.items:
        rows = [row for row in index.rows if index.id_of(row) == item.id]
        if len(rows) != 1:
            yield Fault(item.first + 1, f"{item.id}: stands {len(rows)} times in the index")


def _row(index: Index, row: Row, item: Item) -> Iterator[Fault]:
    said = {"status": status_word(index.cell(row, "status")), "priority": index.cell(row, "priority")}
    found = {"status": item.status, "priority": item.value("priority")}
    if "title" in index.columns:
        said["title"], found["title"] = index.cell(row, "title").replace("\\|", "|"), item.title
    for what, value in found.items():
        if what in index.columns and said[what] != value:
            yield Fault(row.line + 1, f"index: {item.id}: {what} is {said[what]!r}, its section says {value!r}")


def _attempts(ledger: Path, item: Item) -> Iterator[Fault]:
    latest = datetime.now(UTC) + _CLOCKS
    for attempt in item.attempts:
        if attempt.head.moment is not None and attempt.head.moment > latest:
            yield Fault(attempt.first + 1, f"{item.id}: {attempt.head.written_when} lies in the future")
        for folder in _cited(ledger, attempt):
            yield from _citation(item, attempt, folder)


def _cited(ledger: Path, attempt: Attempt) -> Iterator[Path]:
    """The evidence folders that an attempt links to and that are there."""
    for target in dict.fromkeys(re.findall(r"\]\(<?([^)>\s]+)/summary\.md>?\)", attempt.body)):
        folder = ledger.parent / unquote(target)
        if is_stamp(folder.name) and (folder / "manifest.json").is_file():
            yield folder


def _citation(item: Item, attempt: Attempt, folder: Path) -> Iterator[Fault]:
    line, written = attempt.first + 1, attempt.head.written_when
    try:
        about = Manifest.read(folder / "manifest.json").initiative
        pool = figure_pool(folder)
    except DocumentError as error:
        yield Fault(line, f"{item.id}: evidence {folder.name}: {error}")
        return
    if about not in (None, item.id):
        yield Fault(line, f"{item.id}: the evidence {folder.name} is about {about}")
    if is_stamp(written) and written != folder.name:
        yield Fault(line, f"{item.id}: the attempt says {written}, its evidence is of {folder.name}")
    for figure in unfounded_figures(attempt.head.text, pool):
        yield Fault(line, f"{item.id}: {figure} stands in none of the files of its evidence {folder.name}")


def _evidence(ledger: Path, item: Item) -> Iterator[Fault]:
    plan, status = item.field("plan"), item.field("status")
    try:
        found = item_evidence(ledger, item)
    except GradTriageError as error:
        yield Fault((plan.line if plan else item.first) + 1, f"{item.id}: {error}")
        return
    if found is None or not found.statuses:
        return
    line = (status.line if status else item.first) + 1
    if item.status not in found.statuses:
        says = found.statuses[0]
        yield Fault(line, f"{item.id}: is {item.status}, its evidence says {says} (`gradtriage ledger sync`)")
    if found.attempts:  # of what a night opened, the night keeps the last sighting, or `sync` when it is asked
        yield from _sightings(item, found.stamps)


def _sightings(item: Item, stamps: Sequence[str]) -> Iterator[Fault]:
    """Evidence from before the first or after the last sighting that the item notes."""
    for name, extreme in (("First seen", stamps[0]), ("Last seen", stamps[-1])):
        noted = item.field(name)
        if noted is None:
            continue
        if not is_stamp(noted.value):
            if read_moment(noted.value) is None:
                yield Fault(noted.line + 1, f"{item.id}: {name}: {noted.value!r} is no stamp")
            continue
        first, last = seen_between((noted.value, noted.value), [extreme])
        if noted.value != (first if name == "First seen" else last):
            yield Fault(noted.line + 1, f"{item.id}: {name} is {noted.value}, there is evidence of {extreme}")
