"""What GitHub Actions reads: annotations on lines, and the summary of a step, both within their limits."""

from collections.abc import Iterator, Mapping, Sequence

from gradtriage.model.comparison import ComparisonDocument
from gradtriage.report.markdown import cell, inline_code, plain
from gradtriage.report.regression import change_sentence
from gradtriage.triage.comparison import worst_first
from gradtriage.triage.trouble import Trouble

MOST_ANNOTATIONS = 10  # of one kind in one step; more are dropped without a word
MOST_BYTES = 1024 * 1024
_MOST_ROWS = 200
_LEFT_OUT = "\n\n... the rest was left out: a step's summary holds 1 MiB. See nightly.json.\n"


def annotations(troubles: Sequence[Trouble]) -> Iterator[str]:
    """Workflow commands, one a line: an error on the line of each trouble; the last counts those left out."""
    shown = troubles if len(troubles) <= MOST_ANNOTATIONS else troubles[: MOST_ANNOTATIONS - 1]
    for trouble in shown:
        file, line = trouble.place or ((trouble.tests[0].partition("::")[0] if trouble.tests else ""), 1)
        properties = {"file": file, "line": str(line), "title": f"gradtriage: {trouble.kind}"}
        yield _command("error", properties, trouble.title)
    if len(shown) < len(troubles):
        yield _command("error", {"title": "gradtriage"}, f"{len(troubles) - len(shown)} more; see the step's summary")


def _command(name: str, properties: Mapping[str, str], message: str) -> str:
    written = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in properties.items() if value)
    return f"::{name} {written}::{_escaped(message)}"


def _escaped(text: str, further: str = "") -> str:
    for char in "%\r\n" + further:
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def step_summary(
    headline: str,
    counts: Mapping[str, int],
    troubles: Sequence[tuple[Trouble, str]],
    comparison: ComparisonDocument | None,
) -> str:
    """The page of a night.

    Args:
        headline: What came of it.
        counts: Tests by outcome.
        troubles: Each trouble with the ledger item that it belongs to; empty where it has none.
        comparison: Against the baseline; None where there is none.
    """
    lines = [f"## {plain(headline)}", "", " · ".join(f"{name} {count}" for name, count in counts.items() if count), ""]
    if troubles:
        lines += ["| item | what | where | tests |", "|---|---|---|---|"]
        lines += [_row(trouble, item) for trouble, item in troubles[:_MOST_ROWS]]
        if len(troubles) > _MOST_ROWS:
            lines.append(f"| | and {len(troubles) - _MOST_ROWS} more | | |")
        lines.append("")
    if comparison is not None:
        lines += _compared(comparison)
    return "\n".join(lines).rstrip() + "\n"


def within_limit(page: str, used: int = 0) -> str:
    """A summary cut at a line so that the step's file stays within its limit.

    Args:
        page: The summary.
        used: Bytes that the step's file holds already.
    """
    data, room = page.encode(), MOST_BYTES - used
    if len(data) <= room:
        return page
    room -= len(_LEFT_OUT.encode())
    kept = data[: max(0, room)].decode(errors="ignore")
    return kept[: kept.rfind("\n") + 1].rstrip("\n") + _LEFT_OUT if room > 0 else ""


def _row(trouble: Trouble, item: str) -> str:
    place = inline_code(f"{trouble.place[0]}:{trouble.place[1]}") if trouble.place else "–"
    first = inline_code(cell(trouble.tests[0])) if trouble.tests else "–"
    more = f" and {len(trouble.tests) - 1} more" if len(trouble.tests) > 1 else ""
    return f"| {item or '–'} | {plain(trouble.title)} | {place} | {first}{more} |"


def _compared(comparison: ComparisonDocument) -> list[str]:
    old, new = comparison.old, comparison.new
    lines = [f"### Since the baseline of {old.stamp}", ""]
    lines += [f"Collected {old.collected} -> {new.collected}, ran {old.ran} -> {new.ran}.", ""]
    for name, changes in (("worse", worst_first(comparison.worse)), ("better", comparison.better)):
        if changes:
            lines += [f"**{len(changes)} {name}**", ""]
            lines += [f"- {plain(change_sentence(change))}" for change in changes[:_MOST_ROWS]]
            lines += [f"- and {len(changes) - _MOST_ROWS} more"] if len(changes) > _MOST_ROWS else []
            lines.append("")
    return lines
