"""Hypotheses as probes: decided by the run's own figures, or by the diagnosis where it has probed the same."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gradtriage.model.diagnosis import DiagnosedHypothesis
from gradtriage.model.documents import Asked
from gradtriage.triage.checks import evaluate

State = Literal["confirmed", "refuted", "open"]


@dataclass(frozen=True)
class ProbedHypothesis:
    """A hypothesis with its state and the figures that decided it.

    Attributes:
        check: The check that holds, and so decides; None for an open hypothesis.
        measured: The figures that the check names.
        evidence: What decided it, or why nothing did, in words.
    """

    id: str
    statement: str
    status: State
    check: str | None = None
    measured: Mapping[str, Any] = field(default_factory=dict)
    evidence: str = ""


# how people word what the diagnosis probes by itself, by the names of its probes
_WORDINGS = {
    "random": r"non-?determinis|two runs|not reproducible|random|seed",
    "unrecorded": r"grad_fn|no graph|loss (?:has|is) no",
    "no-leaf": r"\bleaf\b|requires?_grad",
    "bad-input": r"(?:input|parameter)s? .*(?:nan|finite|inf\b)",
    "singular": r"singular|(?:division|divided?) by zero|(?:sqrt|root|norm|log) (?:of|at) zero|nan is born",
    "precision": r"single precision|float32|half precision|rounding error",
    "blank": r"\bblank\b|zero factor|factors? (?:is|are) (?:all )?zero|all zeros?\b|zero everywhere|does not move",
    "number": r"\.item\b|into an? (?:python )?(?:number|float|scalar)|numpy|\brebuil[dt]|torch\.tensor\b|as_tensor",
    "detached": r"\bdetach|no_grad|gradients? (?:is|are|was|were) switched off|\.data\b|stop.?grad",
    "held": r"saturat|clamp|\bround(?:ed|ing)?\b|\bfloor|argmax|compar(?:ed|ison)|dead relu",
    "meant": r"on purpose|by design|straight-through",
    "formula": r"backward (?:formula )?is wrong|wrong backward|custom (?:function|backward)|\bhooks?\b",
    "stale": r"\bcach(?:e|ing)|\bstale\b|another graph|earlier graph",
    "written": r"in-?place",
}


def probe_hypotheses(
    asked: Iterable[Asked], figures: dict[str, Any], diagnosed: Sequence[DiagnosedHypothesis] = ()
) -> list[ProbedHypothesis]:
    """Tests each hypothesis; confirmed ones come first, refuted ones last, otherwise in the plan's order.

    Args:
        asked: The hypotheses of the phase with their checks.
        figures: The values of the names that a check can use.
        diagnosed: What the diagnosis says of the usual hypotheses; it decides those that have no check of their own.
    """
    probed = [_probed(hypothesis, figures, diagnosed) for hypothesis in asked]
    return sorted(probed, key=lambda hypothesis: ("confirmed", "open", "refuted").index(hypothesis.status))


def usual_name(text: str) -> str:
    """The usual hypothesis that a text words, if it is one and no more; else empty."""
    fitting = [name for name, words in _WORDINGS.items() if re.search(words, text, re.IGNORECASE)]
    return fitting[0] if len(fitting) == 1 else ""


def _probed(hypothesis: Asked, figures: dict[str, Any], diagnosed: Sequence[DiagnosedHypothesis]) -> ProbedHypothesis:
    probes: tuple[tuple[State, str | None], ...] = (("confirmed", hypothesis.check), ("refuted", hypothesis.refuted))
    for status, check in probes:
        if check is not None and (found := evaluate(check, figures)).met:
            return ProbedHypothesis(hypothesis.id, hypothesis.text, status, check, found.values)
    if hypothesis.check is not None or hypothesis.refuted is not None:
        return ProbedHypothesis(hypothesis.id, hypothesis.text, "open", evidence="the probe did not decide it")
    name = usual_name(hypothesis.text)
    usual = next((one for one in diagnosed if name and one.name == name), None)
    if usual is not None:
        evidence = f"as the diagnosis tested it ({usual.statement}): {usual.evidence}"
        return ProbedHypothesis(hypothesis.id, hypothesis.text, usual.status, evidence=evidence)
    return ProbedHypothesis(hypothesis.id, hypothesis.text, "open", evidence="no probe in this phase")
