"""Bringing items up to what their evidence says: status, first and last seen, attempts. Prose is never touched."""

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from gradtriage.errors import DocumentError, GradTriageError
from gradtriage.evidence.stamp import moment
from gradtriage.ledger.archive import archived_bodies
from gradtriage.ledger.edits import NewAttempt, attempt_edits, evidence_path, field_edits, holds_evidence, status_edits
from gradtriage.ledger.evidence import ItemEvidence, evidence_sentence, item_evidence, seen_between
from gradtriage.ledger.file import edit_ledger, read_ledger
from gradtriage.ledger.page import Item, Page
from gradtriage.ledger.source import Edit


def sync_ledger(ledger: Path, item_ids: Collection[str]) -> list[str]:
    """Syncs items with the evidence of their plans.

    Args:
        ledger: The ledger.
        item_ids: The items; all that name a plan if empty.

    Returns:
        What was done, a line an item.
    """
    page = read_ledger(ledger)
    items = [page.item(item_id) for item_id in item_ids] or list(page.items)
    return [line for item in items for line in _synced(ledger, item)]


def _synced(ledger: Path, item: Item) -> Iterator[str]:
    try:
        found = item_evidence(ledger, item)
    except GradTriageError as error:
        yield f"{item.id}: {error}"
        return
    if found is None or not found.folders:
        return
    archived = archived_bodies(ledger, item.id)
    attempts = list(_attempts(ledger, item, found, archived)) if found.attempts else []
    done: list[str] = []

    def edits(page: Page) -> list[Edit]:
        current = page.item(item.id)
        changes = _changes(page, current, found)
        noted = attempt_edits(page, current, attempts, archived)
        done[:] = [what for what, needed in changes if needed]
        if noted:
            done.append(f"{len(attempts)} attempt{'' if len(attempts) == 1 else 's'} noted")
        return [edit for _, needed in changes for edit in needed] + noted

    changed = edit_ledger(ledger, edits)
    yield f"{item.id}: {'; '.join(done) if changed else 'is up to date'}"


def _attempts(ledger: Path, item: Item, found: ItemEvidence, archived: Collection[str]) -> Iterator[NewAttempt]:
    """An attempt for each evidence folder that no attempt names yet, oldest first."""
    bodies = [*(attempt.body for attempt in item.attempts), *archived]
    for folder in found.folders:
        path = evidence_path(ledger, folder)
        if any(holds_evidence(body, path) for body in bodies):
            continue
        try:
            text = evidence_sentence(folder)
        except DocumentError as error:
            text = f"evidence that cannot be read ({error})"
        yield NewAttempt(text, _moment(folder), path, folder.name)


def _moment(folder: Path) -> datetime:
    return moment(folder.name)


def _changes(page: Page, item: Item, found: ItemEvidence) -> list[tuple[str, list[Edit]]]:
    first, last = seen_between((item.value("first seen"), item.value("last seen")), found.stamps)
    changes = [
        (f"first seen {first}", field_edits(page, item, "First seen", first)),
        (f"last seen {last}", field_edits(page, item, "Last seen", last)),
    ]
    if found.statuses and item.status not in found.statuses:
        status = found.statuses[0]
        changes.insert(0, (f"{item.status or 'no status'} -> {status}", status_edits(page, item, status)))
    if found.clusters:
        clusters = ", ".join(found.clusters)
        changes.append((f"cluster {clusters}", field_edits(page, item, "Cluster", clusters)))
    return changes
