"""`nightly.json` and `accepted.json`: what came of a night, and the run that nights are held against."""

from typing import ClassVar, Literal

from pydantic import Field

from gradtriage.model.document import Document, Flag, Integer, Part, Text


class Accepted(Document):
    """The run that was accepted as the baseline.

    Attributes:
        folder: The suite's evidence, relative to the reports folder.
        accepted: When, in ISO format.
    """

    SCHEMA: ClassVar[str] = "gradtriage.accepted/1"
    schema_: Literal["gradtriage.accepted/1"] = Field(default="gradtriage.accepted/1", alias="schema")
    folder: Text
    commit: Text | None
    accepted: Text


class NightlyTrouble(Part):
    """One trouble of a night.

    Attributes:
        item: The ledger item that it belongs to.
        new: Whether the night opened or reopened the item.
        file, line: Where the gradient is lost, or where the failures point at.
        proof: How certain the cause is; null where none was found.
        explained: The evidence folder of the explanation.
    """

    title: Text
    item: Text
    new: Flag
    kind: Text
    tests: list[Text]
    clusters: list[Text]
    file: Text | None
    line: Integer | None
    proof: Text | None
    explained: Text | None


class NightlyDocument(Document):
    """What came of a night.

    Attributes:
        suite: The suite's evidence folder.
        unchanged: Nothing had changed since that evidence, so nothing was run.
        baseline: Stamp of the run that it was held against; null where none was accepted.
        worse: Whether anything is worse than the baseline, or fails without one.
        notes: What the reader should know beside.
        ledger: What was changed in the ledger, a line each.
    """

    SCHEMA: ClassVar[str] = "gradtriage.nightly/1"
    schema_: Literal["gradtriage.nightly/1"] = Field(default="gradtriage.nightly/1", alias="schema")
    plan: Text
    stamp: Text
    suite: Text
    unchanged: Flag
    baseline: Text | None
    worse: Flag
    headline: Text
    counts: dict[str, Integer]
    notes: list[Text]
    troubles: list[NightlyTrouble]
    ledger: list[Text]
