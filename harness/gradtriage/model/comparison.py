"""`comparison.json`: what got worse and what got better between two runs."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from gradtriage.model.document import Document, Flag, Integer, Number, Part, Text

ChangeKind = Literal[
    "removed",
    "not-run",
    "broke",
    "skipped",
    "vanished",
    "zeroed",
    "not-finite",
    "sign-flipped",
    "drifted",
    "vacuous",
    "coverage-lost",
    "added",
    "mended",
    "revived",
    "proves",
    "coverage-gained",
]


class Change(Part):
    """One difference between two runs.

    Attributes:
        kind: What happened. To tests: `removed` from the collection, `not-run`, `broke`, `skipped`; `added`, `mended`.
            To gradients: `vanished` (no gradient any more), `zeroed`, `not-finite`, `sign-flipped`, `drifted`,
            `vacuous` (its check proves nothing any more), `coverage-lost` (not computed any more); `revived`, `proves`,
            `coverage-gained`.
        call: The gradient computation within the test.
        parameter: The parameter; null for what concerns a test or a whole check.
        old, new: The figures or outcomes.
        tolerance: How far a figure may drift, relative to its size; null where none was needed.
    """

    kind: ChangeKind
    nodeid: Text
    call: Integer | None = None
    parameter: Text | None = None
    old: Any = None
    new: Any = None
    tolerance: Number | None = None


class Side(Part):
    """One of the two runs."""

    folder: Text
    stamp: Text
    commit: Text | None
    collected: Integer
    ran: Integer
    outcomes: dict[str, Integer]


class ComparisonDocument(Document):
    """What got worse and what got better.

    Attributes:
        environment: What differs between the environments: old and new value by name.
    """

    SCHEMA: ClassVar[str] = "gradtriage.comparison/1"
    schema_: Literal["gradtriage.comparison/1"] = Field(default="gradtriage.comparison/1", alias="schema")
    old: Side
    new: Side
    complete: Flag
    environment: dict[str, list[Any]]
    worse: list[Change]
    better: list[Change]
