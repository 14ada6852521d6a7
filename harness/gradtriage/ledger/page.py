"""The structure of a ledger page: items, their fields and attempts, the index; each with the lines it stands on."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from gradtriage.errors import DocumentError, UsageError
from gradtriage.ledger.source import Source
from gradtriage.ledger.style import AttemptLine, Span, take_apart

STATUSES = ("open", "in_progress", "blocked", "done")

_ID = r"[A-Za-z][A-Za-z0-9_.]*(?:-[A-Za-z0-9_.]+)+|[A-Za-z]+[0-9]+"
_ITEM = re.compile(
    rf"\[(?P<bracketed>{_ID})\](?:\([^)]*\))?[ \t]*(?:[:–—-][ \t]*)?(?P<title>.*)"
    r"|(?P<plain>[A-Z][A-Z0-9_]*(?:-[A-Z0-9_]+)*-[0-9]+[a-z]?)\b[ \t]*(?:[:–—-][ \t]*)?(?P<rest>.*)",
    re.DOTALL,
)
_FIELD = re.compile(
    r"(?P<lead>[ \t]*(?:[-*+][ \t]+|[0-9]{1,9}[.)][ \t]+)?)(?P<open>\*\*|__)?(?P<name>[A-Za-z][A-Za-z /()&-]{0,60}?)"
    r"(?:\*\*|__)?[ \t]*:(?:\*\*|__)?(?:[ \t]+(?P<value>.*?))?[ \t]*"
)
_ATTEMPTS = re.compile(r"(?:\*\*|__)?(?:attempts?|tries|history|(?:work[ \t]+)?log)\b", re.IGNORECASE)
_BAR = re.compile(r"(?<!\\)(?:\\\\)*\|")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True)
class Field:
    """A named value of an item, such as its status.

    Attributes:
        line: The line it stands on.
        stop: The line after all that belongs to it.
        value_at: Columns of the value.
    """

    name: str
    value: str
    line: int
    stop: int
    value_at: Span


@dataclass(frozen=True)
class Attempt:
    """One entry of an item's history: lines `first` to `stop` (exclusive), trailing blank lines left out."""

    first: int
    stop: int
    head: AttemptLine
    body: str


@dataclass(frozen=True)
class AttemptList:
    """Where an item's attempts stand.

    Attributes:
        opening: The line that announces them: a heading, or the list entry below which they are nested.
        nested: Whether they are nested in a list entry.
        inside: Column at which nested content begins.
    """

    opening: int
    nested: bool
    inside: int
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class Item:
    """One issue of the ledger, from its heading (line `first`) to line `stop` (exclusive)."""

    id: str
    title: str
    level: int
    first: int
    body: int
    stop: int
    fields: tuple[Field, ...]
    history: AttemptList | None

    def field(self, name: str) -> Field | None:
        """The field of that name, whatever its case."""
        return next((f for f in self.fields if f.name.lower() == name.lower()), None)

    def value(self, name: str) -> str:
        """A field's value; empty where the item has none."""
        found = self.field(name)
        return found.value if found else ""

    @property
    def status(self) -> str:
        """The status: the first word of the field, since people add remarks in parentheses."""
        return status_word(self.value("status"))

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts in the page's order."""
        return self.history.attempts if self.history else ()


@dataclass(frozen=True)
class Row:
    """A row of the index: the text and the columns of each cell."""

    line: int
    cells: tuple[str, ...]
    at: tuple[Span, ...]


@dataclass(frozen=True)
class Index:
    """The table that lists the items.

    Attributes:
        columns: The headings in lower case.
        head: The line of the headings.
    """

    columns: tuple[str, ...]
    head: int
    rows: tuple[Row, ...]

    @cached_property
    def id_column(self) -> int:
        """The column that names the item."""
        return next(n for n, name in enumerate(self.columns) if name in _ID_COLUMNS)

    def row(self, item_id: str) -> Row | None:
        """The row of an item."""
        return next((row for row in self.rows if self.id_of(row) == item_id), None)

    def id_of(self, row: Row) -> str:
        """The item that a row is about."""
        return _LINK.sub(r"\1", self.cell(row, self.columns[self.id_column])).strip("`*_[] ")

    def cell(self, row: Row, column: str) -> str:
        """The text of a cell; empty where the row has none."""
        at = self.columns.index(column) if column in self.columns else len(row.cells)
        return row.cells[at] if at < len(row.cells) else ""


_ID_COLUMNS = ("id", "item", "item id", "key")


@dataclass(frozen=True)
class Page:
    """A ledger as it is."""

    source: Source
    items: tuple[Item, ...]
    index: Index | None
    headings: tuple[tuple[int, str], ...] = field(default=())

    def item(self, item_id: str) -> Item:
        """The item of that id.

        Raises:
            UsageError: There is none.
        """
        for item in self.items:
            if item.id == item_id:
                return item
        close = [item.id for item in self.items if item.id.lower() == item_id.lower()]
        known = ", ".join(close or [item.id for item in self.items][:8]) or "none"
        raise UsageError(f"the ledger has no item {item_id!r}; its items are {known}" + ("" if close else ", ..."))


def read_page(data: bytes) -> Page:
    """The structure of a page."""
    source = Source.of(data)
    tokens = _blocks(source.text)
    headings = [
        _Heading(int(token.tag[1]), tokens[n + 1].content, *_map(token))
        for n, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0
    ]
    items = list(_items(source, _Blocks(tokens), headings))
    outside = items[0].first if items else len(source.lines)
    return Page(source, tuple(items), _index(source, tokens, outside), tuple((h.first, h.content) for h in headings))


def _blocks(text: str) -> Sequence[Token]:
    """The blocks with their line maps; what stands within a line is not parsed, which would take most of the time."""
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    try:
        return parser.parse(text)
    except RecursionError:
        raise DocumentError("the page is nested too deeply to be a ledger") from None


@dataclass(frozen=True)
class _Heading:
    level: int
    content: str
    first: int
    stop: int


def _map(token: Token) -> tuple[int, int]:
    assert token.map is not None  # noqa: S101 - every opening block has one
    return token.map[0], token.map[1]


class _Blocks:
    """The list entries and paragraphs of a page, to be had by lines."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._blocks = [t for t in tokens if t.type in ("list_item_open", "paragraph_open") and t.level <= 3]
        self._firsts = [_map(token)[0] for token in self._blocks]

    def between(self, first: int, stop: int) -> Sequence[Token]:
        """Those that begin in lines `first` to `stop` (exclusive)."""
        return self._blocks[bisect_left(self._firsts, first) : bisect_left(self._firsts, stop)]


def _items(source: Source, blocks: _Blocks, headings: Sequence[_Heading]) -> Iterator[Item]:
    covered = 0
    for n, heading in enumerate(headings):
        match = _ITEM.fullmatch(heading.content.strip())
        if match is None or heading.first < covered:
            continue
        inner = []
        stop = len(source.lines)
        for following in headings[n + 1 :]:
            if following.level <= heading.level:
                stop = following.first
                break
            inner.append(following)
        covered = stop
        within = blocks.between(heading.stop, stop)
        item_id, title = match["bracketed"] or match["plain"], match["title"] or match["rest"] or ""
        fields = tuple(_fields(source, within, inner[0].first if inner else stop))
        history = _history(source, within, inner, stop)
        yield Item(item_id, title.strip(), heading.level, heading.first, heading.stop, stop, fields, history)


def _fields(source: Source, tokens: Sequence[Token], stop: int) -> Iterator[Field]:
    """Entries of the item's own lists and lines of its own paragraphs that read `name: value`."""
    for token in tokens:
        first, last = _map(token)
        if first >= stop:
            return
        if token.type == "list_item_open" and token.level == 1:
            if (found := _field(source, first, source.last_filled(first, last) + 1)) is not None:
                yield found
        elif token.type == "paragraph_open" and token.level == 0:
            for line in range(first, last):
                if (found := _field(source, line, line + 1)) is not None:
                    yield found


def _field(source: Source, line: int, stop: int) -> Field | None:
    match = _FIELD.fullmatch(source.content(line))
    if match is None:
        return None
    start, end = match.span("value") if match["value"] is not None else (match.end(), match.end())
    return Field(match["name"].strip(), match["value"] or "", line, stop, Span(start, end))


def _history(source: Source, tokens: Sequence[Token], inner: Sequence[_Heading], stop: int) -> AttemptList | None:
    for n, heading in enumerate(inner):
        if _ATTEMPTS.match(heading.content.strip()):
            end = inner[n + 1].first if n + 1 < len(inner) else stop
            entries = [t for t in tokens if t.type == "list_item_open" and t.level == 1]
            maps = [m for t in entries if heading.stop <= (m := _map(t))[0] < end]
            return AttemptList(heading.stop - 1, False, 0, tuple(_attempt(source, *m) for m in maps))
    for token in tokens:
        if token.type != "list_item_open" or token.level != 1:
            continue
        first, last = _map(token)
        lead = re.match(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+", source.content(first))
        if lead and _ATTEMPTS.match(source.content(first)[lead.end() :]) and _field(source, first, last):
            entries = [t for t in tokens if t.type == "list_item_open" and t.level == 3]
            maps = [m for t in entries if first < (m := _map(t))[0] < last]
            return AttemptList(first, True, lead.end(), tuple(_attempt(source, *m) for m in maps))
    return None


def _attempt(source: Source, first: int, stop: int) -> Attempt:
    stop = source.last_filled(first, stop) + 1
    return Attempt(first, stop, take_apart(source.content(first)), "".join(source.lines[first:stop]))


def _index(source: Source, tokens: Sequence[Token], before: int) -> Index | None:
    """The first table with a column for the item and one for its status; it may also stand behind the items."""
    tables = [_map(token) for token in tokens if token.type == "table_open" and token.level == 0]
    for first, stop in sorted(tables, key=lambda table: table[0] >= before):
        columns = tuple(cell.lower().strip("*_` ") for cell in _cells(source, first).cells)
        if "status" in columns and any(name in columns for name in _ID_COLUMNS):
            return Index(columns, first, tuple(_cells(source, n) for n in range(first + 2, stop)))
    return None


def _cells(source: Source, line: int) -> Row:
    text = source.content(line)
    bars = [match.end() - 1 for match in _BAR.finditer(text)]
    open_left, open_right = not text.lstrip().startswith("|"), not bars or bool(text[bars[-1] + 1 :].strip())
    edges = ([-1] if open_left else []) + bars + ([len(text)] if open_right else [])
    spans = []
    for left, right in pairwise(edges):
        raw = text[left + 1 : right]
        start = left + 1 + (len(raw) - len(raw.lstrip())) if raw.strip() else left + 1 + min(1, len(raw))
        spans.append(Span(start, start + len(raw.strip())))
    return Row(line, tuple(text[span.start : span.end] for span in spans), tuple(spans))


def status_word(value: str) -> str:
    """The status in a field or a cell: its first word."""
    return re.split(r"[\s(;,]", value.strip("*_`~ "), maxsplit=1)[0].strip("*_`~.")


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    plain = _LINK.sub(r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
