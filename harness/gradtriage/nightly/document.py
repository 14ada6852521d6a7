"""`nightly.json` and its headline, from what came of a night."""

from gradtriage.model.nightly import NightlyDocument, NightlyTrouble
from gradtriage.nightly.items import Noted
from gradtriage.nightly.night import NightResult
from gradtriage.run.workflow import Workflow


def nightly_document(result: NightResult) -> NightlyDocument:
    """The document of a night; its paths are relative to the project's root."""
    comparison = result.comparison
    return NightlyDocument(
        plan=result.workflow.shown,
        stamp=result.run.stamp,
        suite=result.run.named,
        unchanged=result.outcome is None,
        baseline=comparison.old.stamp if comparison is not None else None,
        worse=result.worse,
        headline=headline(result),
        counts=result.run.counts,
        notes=list(result.notes),
        troubles=[_told(result.workflow, one) for one in result.noted],
        ledger=list(result.ledger),
    )


def headline(result: NightResult) -> str:
    """What came of a night, on one line."""
    new = sum(one.new for one in result.noted)
    known = len(result.noted) - new
    told = " and ".join(part for part in (f"{new} new" if new else "", f"{known} known" if known else "") if part)
    changes = len(result.comparison.worse) if result.comparison is not None else 0
    counted = f", {changes} change{'' if changes == 1 else 's'} for the worse since the baseline" if changes else ""
    if told:
        return f"{told} trouble{'' if new + known == 1 else 's'}{counted}"
    return ("Something got worse" if result.worse else "Nothing is wrong") + counted


def _told(workflow: Workflow, noted: Noted) -> NightlyTrouble:
    trouble = noted.trouble
    place = trouble.place
    return NightlyTrouble(
        title=trouble.title,
        item=noted.item,
        new=noted.new,
        kind=trouble.cause.kind if trouble.cause else trouble.kind,
        tests=list(trouble.tests),
        clusters=list(trouble.clusters),
        file=place[0] if place else None,
        line=place[1] if place else None,
        proof=trouble.cause.proof if trouble.cause else None,
        explained=workflow.named(trouble.explained) if trouble.explained else None,
    )
