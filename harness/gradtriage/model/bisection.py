"""`bisect.json`: the search for the first commit at which a test's outcome or gradients changed."""

from typing import ClassVar, Literal

from pydantic import Field

from gradtriage.model.comparison import Change
from gradtriage.model.document import Document, Flag, Integer, Part, Text


class Examined(Part):
    """A commit on which the test was run.

    Attributes:
        verdict: `good` or `bad` like the commits that were given; `skip` where that cannot be said.
        reason: Why: what changed, or why nothing can be said.
        votes: The verdict of each run.
        folders: The evidence of each run, relative to this file's folder.
    """

    commit: Text
    subject: Text
    verdict: Literal["good", "bad", "skip"]
    reason: Text
    votes: list[Text]
    folders: list[Text]


class BisectDocument(Document):
    """A search, finished or not; the same command goes on with it.

    Attributes:
        changes: In what the bad commit differs from the good one.
        examined: In the order in which they were run.
        first: The first bad commit; several where commits between them had to be skipped; empty until it is found.
    """

    SCHEMA: ClassVar[str] = "gradtriage.bisect/1"
    schema_: Literal["gradtriage.bisect/1"] = Field(default="gradtriage.bisect/1", alias="schema")
    nodeid: Text
    arguments: list[Text]
    good: Text
    bad: Text
    votes: Integer
    changes: list[Change]
    examined: list[Examined]
    first: list[Text]
    complete: Flag
