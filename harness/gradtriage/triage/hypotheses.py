"""Hypotheses as probes: confirmed or refuted by the run's own figures, open where there is no probe."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from gradtriage.model.documents import Asked
from gradtriage.triage.checks import evaluate


@dataclass(frozen=True)
class TestedHypothesis:
    """A hypothesis with its state and the figures that decided it."""

    __test__ = False
    id: str
    statement: str
    status: Literal["confirmed", "refuted", "open"]
    evidence: str


def test_hypotheses(asked: Iterable[Asked], figures: dict[str, Any]) -> list[TestedHypothesis]:
    """Tests each hypothesis; confirmed ones come first, refuted ones last, otherwise in the plan's order.

    Args:
        asked: The hypotheses of the phase with their checks.
        figures: The values of the names that a check can use.
    """
    tested = [_tested(hypothesis, figures) for hypothesis in asked]
    return sorted(tested, key=lambda hypothesis: ("confirmed", "open", "refuted").index(hypothesis.status))


test_hypotheses.__test__ = False  # type: ignore[attr-defined]


def _tested(hypothesis: Asked, figures: dict[str, Any]) -> TestedHypothesis:
    for status, check in (("confirmed", hypothesis.check), ("refuted", hypothesis.refuted)):
        if check is not None and evaluate(check, figures).met:
            return TestedHypothesis(hypothesis.id, hypothesis.text, status, _reading(check, figures))  # type: ignore[arg-type]
    if hypothesis.check is None and hypothesis.refuted is None:
        return TestedHypothesis(hypothesis.id, hypothesis.text, "open", "no probe in this phase")
    return TestedHypothesis(hypothesis.id, hypothesis.text, "open", "the probe did not decide it")


def _reading(check: str, figures: dict[str, Any]) -> str:
    values = ", ".join(f"{name} = {value}" for name, value in evaluate(check, figures).values.items())
    return f"`{check}` holds ({values})"
