"""`gradtriage ledger`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradtriage.cli.ledger_target import evidence_from, ledger_option, located
from gradtriage.errors import UsageError
from gradtriage.ledger.edits import NewAttempt, NewItem, attempt_edits, item_edits, next_id, status_edits
from gradtriage.ledger.file import edit_ledger, read_ledger
from gradtriage.ledger.page import STATUSES, Item, Page

if TYPE_CHECKING:
    from gradtriage.ledger.source import Edit

json_option = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")


@click.group(
    epilog='Example: gradtriage ledger attempt GRADIENT-FLOW-001 --result "reproduced" --evidence reports/a/STAMP',
    short_help="Read and edit the ledger, fix_plan.md.",
    no_args_is_help=False,
)
def ledger() -> None:
    """Read and edit the ledger: what is broken, what was tried, what came of it.

    The page stays yours. A command changes the lines that it means to, in the style in which they are written, and
    does nothing when it is repeated.
    """


@ledger.command("list", epilog="Example: gradtriage ledger list --status open")
@click.option("--status", type=click.Choice(STATUSES), help="Only items of this status.")
@json_option
@ledger_option
def list_items(status: str | None, as_json: bool, ledger_file: Path | None) -> int:
    """List the items: id, status, priority, attempts, title."""
    items = [item for item in read_ledger(located(ledger_file)).items if status in (None, item.status)]
    if as_json:
        _print_json({"items": [_entry(item) for item in items]})
        return 0
    width = max((len(item.id) for item in items), default=0)
    for item in items:
        tried = f"{len(item.attempts)} attempt{'' if len(item.attempts) == 1 else 's'}"
        click.echo(
            f"{item.id:{width}}  {item.status or '–':11}  {item.value('priority') or '–':8}  {tried:12}  {item.title}"
        )
    return 0


@ledger.command(epilog="Example: gradtriage ledger show GRADIENT-FLOW-001")
@click.argument("item_id", metavar="ID")
@json_option
@ledger_option
def show(item_id: str, as_json: bool, ledger_file: Path | None) -> int:
    """Show the section of the item ID as it stands in the page."""
    page = read_ledger(located(ledger_file))
    item = page.item(item_id)
    if as_json:
        attempts = [
            {"number": a.head.value, "when": a.head.written_when, "text": a.head.text, "line": a.first + 1}
            for a in item.attempts
        ]
        _print_json({**_entry(item), "fields": {f.name: f.value for f in item.fields}, "attempt_list": attempts})
        return 0
    text = "".join(page.source.lines[item.first : item.stop]).rstrip()
    click.echo(text.encode("utf-8", "surrogateescape"))
    return 0


@ledger.command(epilog='Example: gradtriage ledger add GRADIENT-FLOW --title "cell_a has no gradient" --priority P1')
@click.argument("item_id", metavar="ID")
@click.option("--title", required=True, help="What is broken, in a few words.")
@click.option("--priority", default="P2", show_default=True, help="How urgent it is.")
@click.option("--status", type=click.Choice(STATUSES), default="open", show_default=True, help="Where it stands.")
@click.option("--plan", help="The plan that works on it.")
@click.option("--reproduce", metavar="COMMAND", help="The command that shows it.")
@click.option("--cluster", help="The cluster of failures that it is about.")
@ledger_option
def add(item_id: str, title: str, priority: str, ledger_file: Path | None, **given: str | None) -> int:
    """Open the item ID. An ID without a number at its end gets the next one that is free."""
    fields = {"Plan": given["plan"], "Reproduce": _code(given["reproduce"]), "Cluster": given["cluster"]}
    words = _one_line(title, "--title")
    opened: list[str] = []

    def edits(page: Page) -> list[Edit]:
        same = next((item for item in page.items if _is_same(item, item_id, words)), None)
        opened[:] = [same.id if same else next_id(page, item_id)]
        if same is not None:
            return []
        if any(item.id == opened[0] for item in page.items):
            raise UsageError(f"the ledger has an item {item_id!r} with another title; choose another id")
        known = {name: value for name, value in fields.items() if value}
        return item_edits(page, NewItem(opened[0], words, priority, given["status"] or "open", known))

    changed = edit_ledger(located(ledger_file), edits)
    click.echo(f"{opened[0]}: {'opened' if changed else 'is there already, nothing changed'}")
    return 0


@ledger.command(epilog='Example: gradtriage ledger attempt GRADIENT-FLOW-001 --result "no detach" --evidence FOLDER')
@click.argument("item_id", metavar="ID")
@click.option("--result", required=True, metavar="TEXT", help="What was found.")
@click.option("--evidence", type=click.Path(path_type=Path), metavar="FOLDER", help="The evidence that shows it.")
@click.option("--status", type=click.Choice(STATUSES), help="Where the item stands now.")
@ledger_option
def attempt(item_id: str, result: str, evidence: Path | None, status: str | None, ledger_file: Path | None) -> int:
    """Note an attempt of the item ID, with the next number.

    The same evidence, or without evidence the same text on the same day, is noted once.
    """
    from gradtriage.ledger.archive import archived_bodies

    path = located(ledger_file)
    where, stamp = evidence_from(path, evidence) if evidence is not None else (None, None)
    new = NewAttempt(_one_line(result, "--result"), datetime.now(UTC), where, stamp)

    def edits(page: Page) -> list[Edit]:
        item = page.item(item_id)
        noted = attempt_edits(page, item, [new], archived_bodies(path, item_id))
        return noted + (status_edits(page, item, status) if status else [])

    return _say_changed(item_id, path, edits)


@ledger.command(epilog="Example: gradtriage ledger archive --keep 20")
@click.argument("item_ids", metavar="[ID]...", nargs=-1)
@click.option("--keep", type=click.IntRange(min=1), default=20, show_default=True, help="Attempts an item keeps.")
@ledger_option
def archive(item_ids: tuple[str, ...], keep: int, ledger_file: Path | None) -> int:
    """Move old attempts to the page beside the ledger, <ledger>_archive.md, of all items or of those named."""
    from gradtriage.ledger.archive import archive_attempts

    path = located(ledger_file)
    moved = archive_attempts(path, item_ids, keep)
    for item_id, count in moved.items():
        click.echo(f"{item_id}: {count} attempt{'' if count == 1 else 's'} moved")
    if not moved:
        click.echo(f"no item has more than {keep} attempts, nothing changed")
    return 0


@ledger.command(epilog="Example: gradtriage ledger sync")
@click.argument("item_ids", metavar="[ID]...", nargs=-1)
@ledger_option
def sync(item_ids: tuple[str, ...], ledger_file: Path | None) -> int:
    """Bring status, first and last seen, cluster and attempts up to what the evidence says.

    Of every item with a plan, or of those named. Prose stays as it is, and no attempt is changed or removed.
    """
    from gradtriage.ledger.sync import sync_ledger

    path = located(ledger_file)
    for line in sync_ledger(path, item_ids):
        click.echo(line)
    return 0


@ledger.command(epilog="Example: gradtriage ledger check")
@json_option
@ledger_option
def check(as_json: bool, ledger_file: Path | None) -> int:
    """Find what is wrong in the ledger; exit code 1 if anything is.

    Links that lead nowhere, unknown statuses, an index that disagrees with its sections, numbers that stand twice,
    stamps that lie in the future, and items of which the evidence says something else.
    """
    from gradtriage.ledger.check import check_ledger

    path = located(ledger_file)
    faults = check_ledger(path)
    if as_json:
        _print_json({"faults": [{"line": fault.line, "text": fault.text} for fault in faults]})
    else:
        for fault in faults:
            click.echo(f"{path.name}:{fault.line}: {fault.text}")
        click.echo(f"{len(faults)} fault{'' if len(faults) == 1 else 's'}" if faults else "the ledger is in order")
    return int(bool(faults))


def _say_changed(item_id: str, path: Path, edits: Callable[[Page], list[Edit]]) -> int:
    changed = edit_ledger(path, edits)
    click.echo(f"{item_id}: {'noted' if changed else 'is noted already, nothing changed'}")
    return 0


def _is_same(item: Item, item_id: str, title: str) -> bool:
    if item.title != title:
        return False
    numbered = item.id.rpartition("-")[0] == item_id.rstrip("-") and item.status != "done"
    return item.id == item_id or numbered


def _one_line(text: str, option: str) -> str:
    from gradtriage.triage.wording import one_line

    line = one_line(text)
    if not line:
        raise UsageError(f"{option}: is empty; say what was found")
    return line


def _code(command: str | None) -> str | None:
    from gradtriage.triage.wording import inline_code

    return inline_code(command) if command else None


def _entry(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "title": item.title,
        "status": item.status,
        "priority": item.value("priority"),
        "attempts": len(item.attempts),
        "line": item.first + 1,
    }


def _print_json(data: dict[str, Any]) -> None:
    from gradtriage.model.document import to_json

    click.echo(to_json(data), nl=False)
