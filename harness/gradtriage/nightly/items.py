"""Troubles and the ledger: which item a trouble belongs to, opening what is new, closing what is gone."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from gradtriage.errors import DocumentError
from gradtriage.ledger.archive import archived_bodies
from gradtriage.ledger.edits import (
    NewAttempt,
    NewItem,
    attempt_edits,
    evidence_path,
    field_edits,
    item_edits,
    next_id,
    status_edits,
)  # fmt: skip
from gradtriage.ledger.evidence import clusters_of, suite_folder, tests_of
from gradtriage.ledger.file import edit_ledger, read_ledger
from gradtriage.ledger.page import Item, Page
from gradtriage.ledger.source import Edit
from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.triage.trouble import Trouble
from gradtriage.triage.wording import inline_code, one_line

MOST_TESTS = 10
PRIORITY = "P1"
_CITED = re.compile(r"\]\(<?([^)>\s]+)/summary\.md>?\)")


@dataclass(frozen=True)
class Night:
    """What a night says to the ledger.

    Attributes:
        evidence: The suite's evidence folder.
        passed: The tests that passed.
        compared: Whether gradients were held against a baseline.
        stem: What the ids of new items begin with.
        suites: Where the suites' evidence lies, as the ledger names it: ids of clusters hold below it.
        own: The plan's own item, and the tests that its phases name: their failures are its business.
    """

    ledger: Path
    now: datetime
    evidence: Path
    passed: Collection[str]
    compared: bool
    stem: str
    suites: str
    own: tuple[str, Collection[str]] = ("", ())
    said: list[str] = field(default_factory=list)


def item_of(page: Page, night: Night, trouble: Trouble) -> Item | None:
    """The item that a trouble belongs to: one that names its cluster, its cause or a test of it; open ones first."""
    fits = [item for item in page.items if _fits(item, night, trouble)]
    if not fits and trouble.tests and set(trouble.tests) <= set(night.own[1]):
        fits = [item for item in page.items if item.id == night.own[0]]
    return min(fits, key=lambda item: item.status == "done", default=None)


def _fits(item: Item, night: Night, trouble: Trouble) -> bool:
    if suite_folder(item) == night.suites and set(clusters_of(item)) & set(trouble.clusters):
        return True
    if set(tests_of(item)) & set(trouble.tests[:MOST_TESTS]):
        return True
    return trouble.cause is not None and item.value("cause") == _cause(trouble)


def _cause(trouble: Trouble) -> str:
    cause = trouble.cause
    return f"{cause.kind} at {inline_code(f'{cause.file}:{cause.line}')} ({cause.proof})" if cause else ""


def known_explanation(ledger: Path, item: Item) -> tuple[DiagnosisDocument, Path] | None:
    """The latest explanation that an item's attempts cite, if its evidence is still there."""
    for attempt in sorted(item.attempts, key=lambda attempt: -(attempt.head.value or 0)):
        for target in _CITED.findall(attempt.body):
            path = ledger.parent / target / "diagnosis.json"
            try:
                return DiagnosisDocument.read(path), path.parent
            except DocumentError:
                continue
    return None


@dataclass(frozen=True)
class Noted:
    """A trouble, the ledger item that it belongs to, and whether that was opened or reopened now."""

    trouble: Trouble
    item: str
    new: bool


def note_trouble(night: Night, trouble: Trouble) -> Noted:
    """Brings a trouble into the ledger: a new item, a done one reopened, or more tests in one that is known."""
    item = item_of(read_ledger(night.ledger), night, trouble)
    if item is None:
        return Noted(trouble, _opened(night, trouble), True)
    if item.id == night.own[0] and not _fits(item, night, trouble):
        return Noted(trouble, item.id, False)
    reopened = item.status == "done"

    def edits(page: Page) -> list[Edit]:
        current = page.item(item.id)
        grown = _grown(page, current, trouble)
        status = status_edits(page, current, "open") if reopened else []
        if not grown and not status:
            return []
        text = "seen again" if reopened else "more of it"
        return [*status, *grown, *_noted(night, page, current, f"{text}: {_sentence(trouble)}", night.evidence)]

    if edit_ledger(night.ledger, edits):
        night.said.append(f"{item.id}: {'reopened' if reopened else 'has grown'}")
    return Noted(trouble, item.id, reopened)


def _grown(page: Page, item: Item, trouble: Trouble) -> list[Edit]:
    """Clusters and tests that an item does not name yet."""
    clusters, tests = clusters_of(item), tests_of(item)
    more_clusters = [cluster for cluster in trouble.clusters if cluster not in clusters]
    more_tests = [test for test in trouble.tests if test not in tests][: max(0, MOST_TESTS - len(tests))]
    edits = []
    if more_clusters:
        edits += field_edits(page, item, "Cluster", ", ".join([*clusters, *more_clusters]))
    if more_tests:
        edits += field_edits(page, item, "Tests", _listed([*tests, *more_tests]))
    return edits


def _opened(night: Night, trouble: Trouble) -> str:
    opened: list[str] = []
    first = trouble.tests[0] if trouble.tests else ""
    given = {
        "Reproduce": inline_code(f"gradtriage explain '{first}'") if first else "",
        "Cluster": ", ".join(trouble.clusters),
        "Suites": night.suites,
        "Tests": _listed(trouble.tests),
        "Cause": _cause(trouble),
        "First seen": night.evidence.name,
        "Last seen": night.evidence.name,
    }

    def edits(page: Page) -> list[Edit]:
        opened[:] = [next_id(page, night.stem)]
        fields = {name: value for name, value in given.items() if value}
        return item_edits(page, NewItem(opened[0], one_line(trouble.title), PRIORITY, "open", fields))

    edit_ledger(night.ledger, edits)
    folder = trouble.explained or night.evidence
    edit_ledger(night.ledger, lambda page: _noted(night, page, page.item(opened[0]), _sentence(trouble), folder))
    night.said.append(f"{opened[0]}: opened, {one_line(trouble.title)}")
    return opened[0]


def _listed(tests: Sequence[str]) -> str:
    return ", ".join(inline_code(test) for test in tests[:MOST_TESTS])


def _sentence(trouble: Trouble) -> str:
    count = len(trouble.tests)
    shown = f"{count} test{'' if count == 1 else 's'}, first {inline_code(trouble.tests[0])}" if count else ""
    cause = trouble.cause
    found = f"{cause.kind} at {cause.file}:{cause.line} ({cause.proof})" if cause else one_line(trouble.message)[:200]
    return f"{found}; {shown}" if shown else found


def _noted(night: Night, page: Page, item: Item, text: str, folder: Path) -> list[Edit]:
    path = evidence_path(night.ledger, folder)
    new = NewAttempt(text, night.now, path, folder.name)
    return attempt_edits(page, item, [new], archived_bodies(night.ledger, item.id))


def close_what_is_gone(night: Night, seen: Collection[str]) -> None:
    """Closes items that name tests, of which every one passed, and that no trouble of this night belongs to.

    An item about gradients of tests that pass anyway is closed only by a night that compared gradients.

    Args:
        night: The night.
        seen: The items that its troubles belong to.
    """
    for item in read_ledger(night.ledger).items:
        tests = tests_of(item)
        decided = night.compared or bool(item.value("cluster"))
        if item.status == "done" or item.id in seen or not tests or not decided or not set(tests) <= set(night.passed):
            continue

        def edits(page: Page, item_id: str = item.id, count: int = len(tests)) -> list[Edit]:
            current = page.item(item_id)
            text = f"{'its test passes' if count == 1 else f'all {count} tests pass'} again, closed"
            return [*status_edits(page, current, "done"), *_noted(night, page, current, text, night.evidence)]

        if edit_ledger(night.ledger, edits):
            night.said.append(f"{item.id}: closed, its tests pass again")
