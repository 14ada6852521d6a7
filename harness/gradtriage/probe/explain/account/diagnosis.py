"""Why the gradients of one computation are what they are: what an examination comes to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtriage.probe.explain.account.path import Step
    from gradtriage.probe.explain.account.survey import Survey
    from gradtriage.probe.explain.question.findings import Finding
    from gradtriage.probe.explain.question.question import Cause, Design
    from gradtriage.probe.explain.replay.listings import Listing

VERDICTS = (
    "nondeterministic", "nan", "inf", "severed", "partial", "wrong-backward", "blank-output", "saturated",
    "insensitive", "vacuous", "unknown", "healthy",
)  # fmt: skip


@dataclass
class Diagnosis:
    """Why the gradients of one computation are what they are.

    Attributes:
        designs: Where gradients are stopped or replaced on purpose: frozen, or given their true slope, in all proofs.
    """

    verdict: str
    listing: Listing | None
    findings: list[Finding] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    reason: str = ""
    path: list[Step] = field(default_factory=list)
    designs: list[Design] = field(default_factory=list)
    survey: Survey | None = None
    evaluations: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def unexplained(self) -> bool:
        """Whether something is wrong, or missing, for which no cause is proven."""
        return self.verdict != "healthy" and not any(cause.proof == "proven" for cause in self.causes)

    @property
    def unit(self) -> float:
        """What the slopes of the evidence are divided by: the scale of the parameter, where it is one scalar alone."""
        concerned = [finding.target for finding in self.findings if finding.status not in ("ok", "unknown")]
        scalar = len(concerned) == 1 and math.prod(concerned[0].shape) == 1
        return concerned[0].scale if scalar else 1.0
