"""The usual hypotheses, each held against what the examination found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradtriage.probe.explain.examination import Diagnosis
    from gradtriage.probe.explain.question import Cause

# statement, kinds of cause that confirm it; cheapest to think of first
_USUAL = (
    ("A factor is zero everywhere, so the output does not move", ("zero-factor",)),
    ("A parameter was turned into a number or rebuilt on its way", ("item", "numpy", "rebuild")),
    ("A tensor was detached, or gradients were switched off", ("detach", "data", "no-grad")),
    ("An operation is saturated, rounded or compared", ("saturated", "integer")),
    ("A derivative is singular where it is taken", ("nan-sqrt", "nan-where", "nan-div", "nan-other")),
    ("A backward formula or a hook is wrong", ("custom-backward", "hook")),
)  # fmt: skip


def hypotheses_of(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    """Each hypothesis with its state: confirmed by a proven cause, refuted where all causes are proven to be others."""
    ranked = [_state(statement, kinds, diagnosis) for statement, kinds in _USUAL]
    ranked.sort(key=lambda entry: ("confirmed", "open", "refuted").index(entry["status"]))
    return [{"id": f"H{number}", **entry} for number, entry in enumerate(ranked, 1)]


def _state(statement: str, kinds: tuple[str, ...], diagnosis: Diagnosis) -> dict[str, Any]:
    matching = [cause for cause in diagnosis.causes if cause.kind in kinds]
    proven = [cause for cause in matching if cause.proof == "proven"]
    if proven:
        return {"statement": statement, "status": "confirmed", "evidence": _evidence(proven[0])}
    if matching:
        return {"statement": statement, "status": "open", "evidence": f"{_evidence(matching[0])}, not proven"}
    if diagnosis.verdict == "healthy":
        return {"statement": statement, "status": "refuted", "evidence": "autograd agrees with differences"}
    if diagnosis.causes and all(cause.proof == "proven" for cause in diagnosis.causes):
        return {
            "statement": statement,
            "status": "refuted",
            "evidence": "the proven causes account for the whole difference",
        }
    return {"statement": statement, "status": "open", "evidence": "nothing found for or against it"}


def _evidence(cause: Cause) -> str:
    return f"{cause.kind} at {cause.site.function or 'module level'} line {cause.site.line}: {cause.site.source}"
