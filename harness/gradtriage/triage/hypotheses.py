"""Hypotheses as probes: confirmed or refuted by the run's own figures, open where there is no probe."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gradtriage.model.documents import Asked
from gradtriage.triage.checks import evaluate

State = Literal["confirmed", "refuted", "open"]


@dataclass(frozen=True)
class ProbedHypothesis:
    """A hypothesis with its state and the figures that decided it.

    Attributes:
        check: The check that holds, and so decides; None for an open hypothesis.
        measured: The figures that the check names.
        probed: Whether the phase had a probe for it at all.
    """

    id: str
    statement: str
    status: State
    check: str | None = None
    measured: Mapping[str, Any] = field(default_factory=dict)
    probed: bool = True


def probe_hypotheses(asked: Iterable[Asked], figures: dict[str, Any]) -> list[ProbedHypothesis]:
    """Tests each hypothesis; confirmed ones come first, refuted ones last, otherwise in the plan's order.

    Args:
        asked: The hypotheses of the phase with their checks.
        figures: The values of the names that a check can use.
    """
    probed = [_probed(hypothesis, figures) for hypothesis in asked]
    return sorted(probed, key=lambda hypothesis: ("confirmed", "open", "refuted").index(hypothesis.status))


def _probed(hypothesis: Asked, figures: dict[str, Any]) -> ProbedHypothesis:
    probes: tuple[tuple[State, str | None], ...] = (("confirmed", hypothesis.check), ("refuted", hypothesis.refuted))
    for status, check in probes:
        if check is not None and (found := evaluate(check, figures)).met:
            return ProbedHypothesis(hypothesis.id, hypothesis.text, status, check, found.values)
    has_probe = hypothesis.check is not None or hypothesis.refuted is not None
    return ProbedHypothesis(hypothesis.id, hypothesis.text, "open", probed=has_probe)
