"""A test's history told to a person and to a script."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from gradtriage.report.markdown import number
from gradtriage.triage.durations import Level, LimitAdvice, advise_limit, levels
from gradtriage.triage.flakiness import Flips, Variation, flake_reason, flips, variations

_SAID = {
    "same": "the same to the bit in every run",
    "rounding": "the same up to rounding",
}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class TestHistory:
    """What a test did in each run, oldest first, and what follows from it."""

    __test__ = False

    nodeid: str
    rows: Sequence[Row]
    gradient_rows: Sequence[Row]

    @cached_property
    def flips(self) -> list[Flips]:
        """Commits on which it passed and failed."""
        return flips(self.rows)

    @cached_property
    def variations(self) -> list[Variation]:
        """How its gradients vary."""
        return variations(self.gradient_rows)

    @cached_property
    def timed(self) -> list[Row]:
        """The runs in which it took its time: those that passed."""
        return [row for row in self.rows if row["seconds"] is not None and row["outcome"] in ("passed", "xpassed")]

    @cached_property
    def levels(self) -> list[Level]:
        """Its durations, divided where they changed."""
        return levels([row["seconds"] for row in self.timed])

    @cached_property
    def limit(self) -> LimitAdvice:
        """The time limit that its whole history advises."""
        return advise_limit([row["seconds"] for row in self.rows if row["seconds"] is not None])


def history_lines(history: TestHistory, last: int) -> Iterator[str]:
    """The lines for the terminal.

    Args:
        history: The test's history.
        last: How many runs to show.
    """
    rows = history.rows
    outcomes = [row["outcome"] for row in rows]
    counts = ", ".join(f"{outcomes.count(name)} {name.replace('_', ' ')}" for name in dict.fromkeys(outcomes))
    yield history.nodeid
    yield f"  {len(rows)} runs: {counts}"
    for flip in history.flips:
        yield f"  flaky: on commit {flip.commit[:12]} it passed {flip.passed} times and failed {flip.failed} times"
    if reason := flake_reason(rows, history.variations):
        yield f"    {reason}"
    yield from _duration_lines(history)
    for variation in history.variations:
        yield f"  gradient {variation.parameter}: {_variation(variation)}"
    yield ""
    for row in rows[-last:]:
        yield f"  {_run(row)}"


def _duration_lines(history: TestHistory) -> Iterator[str]:
    for before, after in pairwise(history.levels):
        row = history.timed[after.first]
        yield (
            f"  duration: {number(before.seconds, 3)} s before {row['stamp']} (commit {_commit(row)}), "
            f"{number(after.seconds, 3)} s since"
        )
    limit = history.limit
    if limit.seconds is not None:
        spans = "; ".join(_group(*group) for group in limit.groups)
        yield f"  time limit: {number(limit.seconds)} s, from all {limit.runs} durations ({spans})"


def _group(first: float, last: float, runs: int) -> str:
    span = number(first, 3) if first == last else f"{number(first, 3)} to {number(last, 3)}"
    return f"{span} s in {runs}"


def _variation(one: Variation) -> str:
    if one.verdict in _SAID:
        return _SAID[one.verdict]
    if one.verdict == "noisy":
        return f"differs by {number(one.spread, 3)} (relative) between runs on one commit"
    old, new = one.between or ("", "")
    return (
        f"changed by {number(one.change, 3)} (relative) from {old[:12]} to {new[:12]}; "
        f"on one commit it differs by {number(one.spread, 3)}"
    )


def _run(row: Row) -> str:
    seconds = f"{number(row['seconds'], 3)} s" if row["seconds"] is not None else "–"
    cause = f"  {row['cluster'] or ''} {row['message']}".rstrip() if row["message"] else ""
    return f"{row['stamp']}  {_commit(row):13}  {row['outcome']:9}  {seconds:>9}{cause}"


def _commit(row: Row) -> str:
    if row["commit"] is None:
        return "no commit"
    return str(row["commit"])[:12] + ("+" if row["dirty"] else "")


def history_document(history: TestHistory) -> dict[str, Any]:
    """The history for a script."""
    return {
        "schema": "gradtriage.history/1",
        "nodeid": history.nodeid,
        "runs": [dict(row) for row in history.rows],
        "gradients": [dict(row) for row in history.gradient_rows],
        "flips": [asdict(flip) for flip in history.flips],
        "flaky_because": flake_reason(history.rows, history.variations),
        "variations": [asdict(one) for one in history.variations],
        "durations": [asdict(level) for level in history.levels],
        "limit": asdict(history.limit),
    }
