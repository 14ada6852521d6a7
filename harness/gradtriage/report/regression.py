"""A comparison told to a person: collection and counts first, then what got worse, then what got better."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from gradtriage.model.comparison import Change, ComparisonDocument, Side
from gradtriage.report.markdown import number
from gradtriage.triage.comparison import worst_first

MOST = 20
CHANGE_WORDS = {
    "removed": "not collected any more",
    "not-run": "collected and not run",
    "broke": "broke",
    "skipped": "skipped now",
    "vanished": "has no gradient any more",
    "zeroed": "gradient is zero now",
    "not-finite": "gradient is not finite any more",
    "sign-flipped": "gradient changed its sign",
    "drifted": "gradient drifted",
    "vacuous": "check proves nothing any more",
    "coverage-lost": "gradient is not computed any more",
    "added": "new",
    "mended": "passes again",
    "revived": "gradient is there again",
    "proves": "check proves something now",
    "coverage-gained": "gradient is computed now",
}


def comparison_lines(comparison: ComparisonDocument) -> Iterator[str]:
    """The lines for the terminal."""
    old, new = comparison.old, comparison.new
    yield f"{_named(old)}  ->  {_named(new)}"
    yield f"  collected {_delta(old.collected, new.collected)}; ran {_delta(old.ran, new.ran)}"
    outcomes = [*old.outcomes, *(name for name in new.outcomes if name not in old.outcomes)]
    yield "  " + "; ".join(
        f"{name} {_delta(old.outcomes.get(name, 0), new.outcomes.get(name, 0))}" for name in outcomes
    )
    for name, (before, after) in comparison.environment.items():
        yield f"  ! {name}: {before} -> {after}"
    if not comparison.complete:
        yield "  ! one of the runs is not complete"
    yield f"worse: {len(comparison.worse)}"
    yield from _listed(worst_first(comparison.worse), "✗")
    yield f"better: {len(comparison.better)}"
    yield from _listed(comparison.better, "✓")


def change_sentence(change: Change, within: str = "") -> str:
    """One change on a line: the test, the parameter, what happened, the figures.

    Args:
        change: The change.
        within: A test that need not be named.
    """
    names = [change.nodeid if change.nodeid != within else "", f"[{change.parameter}]" if change.parameter else ""]
    what, figures = " ".join(name for name in names if name), _figures(change)
    return (f"{what}: " if what else "") + CHANGE_WORDS[change.kind] + (f", {figures}" if figures else "")


def _figures(change: Change) -> str:
    if change.old is None and change.new is None:
        return ""
    if change.kind in ("vacuous", "proves"):
        return str(change.new)
    limit = f" (more than {number(change.tolerance, 2)} of its size)" if change.tolerance is not None else ""
    return f"{_shown(change.old)} -> {_shown(change.new)}{limit}"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return number(value, 6)
    return "–" if value is None else str(value)


def _listed(changes: Sequence[Change], mark: str) -> Iterator[str]:
    for kind, group in groupby(changes, key=lambda change: change.kind):
        found = list(group)
        yield from (f"  {mark} {change_sentence(change)}" for change in found[:MOST])
        if len(found) > MOST:
            yield f"  {mark} and {len(found) - MOST} more: {CHANGE_WORDS[kind]}"


def _named(side: Side) -> str:
    return f"{side.stamp}" + (f" ({side.commit[:12]})" if side.commit else "")


def _delta(old: int, new: int) -> str:
    return f"{old} -> {new} ({new - old:+d})" if old != new else str(new)
