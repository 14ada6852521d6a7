"""`diagnosis.json`: why the gradients of one test are what they are."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from gradtriage.model.document import Document, Flag, Integer, Number, Part, Text
from gradtriage.model.documents import Where

Verdict = Literal[
    "nondeterministic",
    "nan",
    "inf",
    "severed",
    "partial",
    "wrong-backward",
    "blank-output",
    "saturated",
    "insensitive",
    "vacuous",
    "unknown",
    "healthy",
]
CauseKind = Literal[
    "item",
    "detach",
    "data",
    "numpy",
    "rebuild",
    "no-grad",
    "integer",
    "inplace",
    "stale",
    "nonleaf",
    "zero-factor",
    "saturated",
    "nan-sqrt",
    "nan-where",
    "nan-div",
    "nan-other",
    "custom-backward",
    "hook",
    "other",
]


class DiagnosedParameter(Part):
    """One parameter: its gradient by autograd and by differences, and the causes of what is wrong with it.

    For a tensor that is no scalar both are derivatives along one random direction.
    """

    name: Text
    status: Literal["ok", "none", "zero", "nan", "inf", "wrong", "unknown"]
    autograd: Number | None
    numeric: Number | None
    relative_error: Number | None
    compiled: Number | None = None
    causes: list[Text]


class DiagnosedCause(Part):
    """A place in the code at which gradients are lost, and how certain that is."""

    id: Text
    kind: CauseKind
    file: Text
    line: Annotated[Integer, Field(ge=1)]
    function: Text = ""
    source: Text = ""
    op: Text = ""
    parameters: list[Text]
    proof: Literal["proven", "supported", "suspected"]
    evidence: dict[str, Any] = Field(default_factory=dict)
    fix: Text = ""


class DiagnosedHypothesis(Part):
    """A usual hypothesis, tested.

    Attributes:
        name: Of its probe: the same in every diagnosis, while `id` counts in the order of the answers.
    """

    id: Text
    name: Text = ""
    statement: Text
    status: Literal["confirmed", "refuted", "open"]
    evidence: Any


class DesignedPlace(Part):
    """A place where a gradient is stopped or replaced on purpose, and how that is known."""

    file: Text
    line: Annotated[Integer, Field(ge=1)]
    function: Text = ""
    source: Text = ""
    reason: Text
    parameters: list[Text]


class PathStep(Part):
    """An operation on the way from a parameter to the loss; the gradient is lost at the broken one."""

    op: Text
    file: Text
    line: Integer
    source: Text = ""
    broken: Flag = False


class ThenNow(Part):
    """A figure of the known-good run and of today's, the norm where it is no scalar; how far apart the two are."""

    then: Number | None
    now: Number | None
    same: Flag
    relative_difference: Number | None = None


class Compared(Part):
    """How many operations led to the loss then and today, how many were paired, and how many of these are equal."""

    then: Integer
    now: Integer
    compared: Integer
    equal: Integer


class Differential(Part):
    """The comparison with a known-good run; `changed` is null where it could not be made, and `reason` says why."""

    against: Text
    call: Integer | None
    changed: Flag | None
    loss: ThenNow | None
    gradients: dict[str, ThenNow]
    operations: Compared | None
    reason: Text = ""


class EagerCompiled(Part):
    """A figure of the eager run and of the compiled one, the norm where it is no scalar; how far apart the two are."""

    eager: Number | None
    compiled: Number | None
    same: Flag
    relative_difference: Number | None = None


class CompiledFunction(Part):
    """A function that was compiled."""

    file: Text
    line: Integer
    function: Text


class Compiled(Part):
    """The compiled run held against the eager one; `agree` is null where that was not possible, for the `reason`."""

    agree: Flag | None
    call: Integer | None
    functions: list[CompiledFunction]
    loss: EagerCompiled | None
    gradients: dict[str, EagerCompiled]
    reason: Text = ""


class DiagnosisDocument(Document):
    """The diagnosis of the first unhealthy gradient computation of a test."""

    SCHEMA: ClassVar[str] = "gradtriage.diagnosis/1"
    schema_: Literal["gradtriage.diagnosis/1"] = Field(default="gradtriage.diagnosis/1", alias="schema")
    nodeid: Text
    outcome: Literal["passed", "failed", "error", "skipped"]
    call: Integer = 1
    verdict: Verdict
    loss: Number | None
    parameters: list[DiagnosedParameter]
    causes: list[DiagnosedCause]
    hypotheses: list[DiagnosedHypothesis]
    seconds: dict[str, Number | None]
    reason: Text = ""
    where: Where | None = None
    path: list[PathStep] = Field(default_factory=list)
    by_design: list[DesignedPlace] = Field(default_factory=list)
    differential: Differential | None = None
    compiled: Compiled | None = None
