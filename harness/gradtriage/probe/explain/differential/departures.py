"""A differential trace in the words of `diagnosis.json`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradtriage.probe.explain.account.document import relative
from gradtriage.probe.explain.causes.cuts import way_out
from gradtriage.probe.explain.differential.comparison import ADDED, REMOVED
from gradtriage.probe.explain.differential.values import relative_difference
from gradtriage.probe.explain.leaves.operations import HOOKS, INTEGER

if TYPE_CHECKING:
    from gradtriage.probe.explain.differential.differential import Departure, Differential
    from gradtriage.probe.explain.differential.recording import Recording
    from gradtriage.probe.explain.differential.texts import Texts
    from gradtriage.probe.explain.differential.values import Value

# take digits away, or add empty ones
_CASTS = frozenset({"float", "half", "bfloat16", "double", "cfloat", "chalf", "cdouble"})


def add_differential(
    document: dict[str, Any], found: Differential, against: str, texts: Texts, root: Path
) -> dict[str, Any]:
    """The diagnosis with the comparison in it: the field `differential`, and its causes behind those of the gradients.

    Args:
        document: The diagnosis.
        found: The comparison.
        against: What it was compared with, in the user's words.
        texts: Of the code then and today.
        root: Folder that files are named relative to.
    """
    causes = list(document["causes"])
    for departure in found.departures:
        cause = _cause(departure, against, texts, root)
        known = next((c for c in causes if (c["file"], c["line"]) == (cause["file"], cause["line"])), None)
        if known is not None:
            known["evidence"] = {**known["evidence"], **cause["evidence"], "origin": known["evidence"].get("origin")}
            known["evidence"] = {name: value for name, value in known["evidence"].items() if value is not None}
        else:
            causes.append({"id": f"K{len(causes) + 1}", **cause})
    return {**document, "causes": causes, "differential": differential_field(found, against)}


def differential_field(found: Differential, against: str) -> dict[str, Any]:
    """The field `differential`."""
    comparison = found.comparison
    return {
        "against": against,
        "call": comparison.call_now.number,
        "changed": found.changed,
        "loss": {
            "then": _finite(comparison.call_then.loss),
            "now": _finite(comparison.call_now.loss),
            "same": comparison.same_loss,
        },
        "gradients": {
            name: {
                "then": _figure(comparison.then, then),
                "now": _figure(comparison.now, now),
                "same": same,
                "relative_difference": relative_difference(_value(comparison.then, then), _value(comparison.now, now)),
            }
            for name, (then, now, same) in comparison.gradients().items()
        },
        "operations": {
            "then": comparison.call_then.operations,
            "now": comparison.call_now.operations,
            "compared": len(comparison.pairs),
            "equal": sum(comparison.equal),
        },
        "reason": found.reason,
    }


def not_compared(document: dict[str, Any], against: str, reason: str) -> dict[str, Any]:
    """The diagnosis with the statement that it could not be compared."""
    empty: dict[str, Any] = {"loss": None, "gradients": {}, "operations": None}
    return {**document, "differential": {"against": against, "call": None, "changed": None, **empty, "reason": reason}}


def _figure(recording: Recording, number: int | None) -> float | None:
    value = _value(recording, number)
    return None if value is None else value.number


def _value(recording: Recording, number: int | None) -> Value | None:
    return None if number is None or number < 0 else recording.values[number]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _cause(departure: Departure, against: str, texts: Texts, root: Path) -> dict[str, Any]:
    then = departure.then
    file, line, function, source = _today(departure, texts, root)
    evidence = dict(departure.evidence)
    if then is not None:
        evidence["then"] = {"file": _shown(then.file, texts, root), "line": then.line, "source": then.source}
    elif departure.what == ADDED and (stood := _stood(departure, texts)) is not None:
        evidence["then"] = {"file": file, "line": stood[0], "source": stood[1]}
    origin = texts.origin(
        _portable(departure, texts), (then.file, then.line) if then is not None else None, departure.numbers
    )
    if origin is not None:
        text = texts.source(*origin)
        evidence["origin"] = {"file": _shown(origin[0], texts, root), "line": origin[1], "source": text}
    given = [sorted(numbers) for numbers in departure.numbers]
    if given[0] != given[1]:
        evidence["numbers"] = {"then": given[0], "now": given[1]}
    return {
        "kind": kind_of(departure),
        "file": file,
        "line": line,
        "function": function,
        "source": source,
        "op": departure.op,
        "parameters": list(departure.parameters),
        "proof": departure.proof,
        "evidence": {name: _plain(value) for name, value in evidence.items()},
        "fix": _fix(departure, against),
    }


def _plain(value: Any) -> Any:
    return _finite(value) if isinstance(value, float) else value


def _today(departure: Departure, texts: Texts, root: Path) -> tuple[str, int, str, str]:
    """File, line, function and text to look at today."""
    if departure.site is not None:
        site = departure.site
        return relative(site.file, root), max(1, site.line), site.function, site.source
    then = departure.then
    assert then is not None  # noqa: S101 - what is gone stood somewhere
    line = texts.line_today(then.file, then.line) or then.line
    return _shown(then.file, texts, root), line, then.function, texts.source(then.file, line)


def _portable(departure: Departure, texts: Texts) -> tuple[str, int] | None:
    if departure.site is None:
        return None
    names = {file: name for name, file in texts.files.items()}
    name = names.get(departure.site.file)
    return None if name is None else (name, departure.site.line)


def _stood(departure: Departure, texts: Texts) -> tuple[int, str] | None:
    """The line of then in the place of today's, where that was changed and not added."""
    here = _portable(departure, texts)
    if here is None:
        return None
    return texts.line_then(*here)


def _shown(file: str, texts: Texts, root: Path) -> str:
    return relative(texts.files[file], root) if file in texts.files else file


def kind_of(departure: Departure) -> str:
    """The kind of the contract that fits best."""
    if departure.op in HOOKS:
        return "hook"
    if departure.evidence.get("custom") and departure.what == "gradient":
        return "custom-backward"
    if departure.what == ADDED:
        if departure.op in INTEGER | _CASTS:
            return "integer"
        return way_out(departure.op) or "other"
    if departure.what != REMOVED and departure.evidence.get("value_now") == 0.0 != departure.evidence.get("value_then"):
        return "zero-factor"
    return "other"


def _fix(departure: Departure, against: str) -> str:
    if departure.what == REMOVED:
        return f"Put back what is gone from here since {against}, or save a new baseline if the change is meant."
    if departure.what == ADDED and departure.then is None:
        return f"Take out what was added here since {against}, or save a new baseline if the change is meant."
    return f"Hold this line against the one of {against}; save a new baseline if the change is meant."
