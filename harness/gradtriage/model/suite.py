"""`suite.json` and `clusters.json`: a suite's outcome, its chunks, and its failures grouped by cause."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from gradtriage.model.document import Document, Flag, Integer, Number, Part, Text
from gradtriage.model.documents import Status

ClusterKind = Literal["gradient", "numeric", "assertion", "infrastructure", "timeout", "crash", "other"]
ClusterStatus = Literal["new", "known", "grown", "shrunk", "resolved", "flaky"]
ClusterId = Annotated[Text, Field(pattern=r"^C[0-9]+$")]
Fingerprint = Annotated[Text, Field(pattern=r"^v[0-9]+:")]


class Cluster(Part):
    """Failures with one cause.

    Attributes:
        id: Stays with the cause from run to run; never given to another.
        fingerprint: Version and hash of exception, normalised message and deepest project frame.
        count: How many tests fail for this cause in this run.
        where: File, line, function and statement of the deepest project frame.
        aliases: Fingerprints under which the same cause was seen before.
        was: The tests of a cluster that is resolved.
        reason: Why it counts as infrastructure, where that follows from its size.
    """

    id: ClusterId
    fingerprint: Fingerprint
    kind: ClusterKind
    count: Integer
    tests: list[Text]
    message: Text
    where: Any = None
    status: ClusterStatus
    ledger: Text | None = None
    exception: Any = None
    aliases: Any = Field(default_factory=list)
    was: Any = Field(default_factory=list)
    reason: Any = None


class ClusterChange(Part):
    """What became of a cluster: a `split`, a `merge` with another, or a further fingerprint (`alias`)."""

    change: Literal["split", "merge", "alias"]
    clusters: list[ClusterId]
    text: Text


class Counts(Part):
    """Tests by outcome; `error` are those whose set-up, tear-down or module failed."""

    passed: Integer
    failed: Integer
    error: Integer
    skipped: Integer
    xfailed: Integer
    xpassed: Integer


class ChunkEntry(Part):
    """A process that ran a part of the suite.

    Attributes:
        nodeids: The tests that it started, and those that it was the last to be given.
        seconds: From its start to its end; null if nobody saw that.
        exit_code: The process's own; null if it never started.
    """

    id: Any
    status: Status
    nodeids: list[Text]
    seconds: Number | None
    exit_code: Integer | None


class SuiteDocument(Document):
    """One run of a whole suite; every collected test is in the counts, in flight, or missing."""

    SCHEMA: ClassVar[str] = "gradtriage.suite/1"
    schema_: Literal["gradtriage.suite/1"] = Field(default="gradtriage.suite/1", alias="schema")
    complete: Flag
    collected: Integer
    ran: Integer
    missing: list[Text]
    duplicates: list[Text]
    counts: Counts
    in_flight: list[Text]
    chunks: list[ChunkEntry]
    clusters: list[Cluster]
    changes: Any = Field(default_factory=list)


class ClustersDocument(Document):
    """Failures of JUnit files, grouped by cause."""

    SCHEMA: ClassVar[str] = "gradtriage.clusters/1"
    schema_: Literal["gradtriage.clusters/1"] = Field(default="gradtriage.clusters/1", alias="schema")
    clusters: list[Cluster]
    changes: Any = Field(default_factory=list)


class KnownCluster(Part):
    """A cluster as it was left by the last run that saw it.

    Attributes:
        fingerprints: All under which it was seen, the latest last.
        tests: Those that failed for it; of a resolved one, those that did.
        open: Whether it still fails.
    """

    id: ClusterId
    fingerprints: list[Fingerprint]
    kind: ClusterKind
    exception: Text
    message: Text
    where: dict[str, Any] | None
    tests: list[Text]
    open: Flag


class Registry(Document):
    """`clusters.json` of a reports folder: every cluster that ever was, so that no id is given twice.

    Attributes:
        last: The highest number that was given.
    """

    SCHEMA: ClassVar[str] = "gradtriage.registry/1"
    schema_: Literal["gradtriage.registry/1"] = Field(default="gradtriage.registry/1", alias="schema")
    last: Integer = 0
    clusters: list[KnownCluster] = Field(default_factory=list)


class Known(Document):
    """`known.json` of a suite: what was known before it, from which its clusters' ids and statuses follow.

    Attributes:
        registry: The clusters.
        passed: Tests that passed before on the same commit and in the same environment.
        failed: Tests that failed so.
    """

    SCHEMA: ClassVar[str] = "gradtriage.known/1"
    schema_: Literal["gradtriage.known/1"] = Field(default="gradtriage.known/1", alias="schema")
    registry: Registry
    passed: list[Text] = Field(default_factory=list)
    failed: list[Text] = Field(default_factory=list)


class ChunkDocument(Document):
    """`chunk.json`: what was asked of one process of a suite, written before it starts.

    Attributes:
        nodeids: The tests it is to run; null for the first, which runs its part of what it collects.
        budget: Time limit in seconds.
        workers: xdist's `-n`; null for one process.
        carried: The stamp of the earlier run that it was taken over from.
    """

    SCHEMA: ClassVar[str] = "gradtriage.chunk/1"
    schema_: Literal["gradtriage.chunk/1"] = Field(default="gradtriage.chunk/1", alias="schema")
    id: Text
    start: Text
    nodeids: list[Text] | None
    budget: Number
    workers: Text | None
    carried: Text | None = None
