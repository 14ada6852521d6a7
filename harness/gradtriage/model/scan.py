"""`scan.json`: what the gradient tests of a suite prove."""

from typing import ClassVar, Literal

from pydantic import Field

from gradtriage.model.document import Document, Flag, Integer, Number, Part, Text
from gradtriage.model.documents import GradientEntry, GradientKind, Where


class Check(Part):
    """The gradient calls that a test makes at one place.

    Attributes:
        vacuous: The check proves nothing, for the `reason` given.
        judged: Whether that is known; if not, `reason` says why.
        noticed: For each corruption of the gradients, whether the test failed then; null where that is not known.
    """

    kind: GradientKind
    where: Where
    parameters: dict[str, GradientEntry]
    vacuous: Flag
    reason: Text | None
    judged: Flag = True
    calls: Integer = 1
    noticed: dict[str, Flag | None] = Field(default_factory=dict)


class ScannedTest(Part):
    """A test that computes gradients."""

    nodeid: Text
    outcome: Text
    checks: list[Check]


class ScanSummary(Part):
    """Counts over the suite.

    Attributes:
        outcomes: How many tests passed, failed, had an error, were skipped.
        vacuous_tests: Tests all of whose checks are vacuous.
        not_judged: Checks of which it is not known whether they prove something.
        uncovered: Parameters, as `file::name`, that no check proves anything about.
        strength: Share of the corruptions that were noticed.
        noticed: The same for each corruption.
    """

    tests: Integer
    outcomes: dict[str, Integer] = Field(default_factory=dict)
    gradient_tests: Integer
    checks: Integer
    vacuous_checks: Integer
    vacuous_tests: Integer
    not_judged: Integer = 0
    uncovered: list[Text] = Field(default_factory=list)
    strength: Number | None = None
    noticed: dict[str, Number] = Field(default_factory=dict)


class ScanDocument(Document):
    """What the gradient tests of a suite prove."""

    SCHEMA: ClassVar[str] = "gradtriage.scan/1"
    schema_: Literal["gradtriage.scan/1"] = Field(default="gradtriage.scan/1", alias="schema")
    tests: list[ScannedTest]
    summary: ScanSummary
