"""The documents of an evidence folder (contract: `docs/formats.md`)."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from gradtriage.model.document import Document, Flag, Integer, Number, Ordinal, Part, Text

Status = Literal["complete", "interrupted", "timeout", "crashed", "incomplete"]
GradientStatus = Literal["ok", "none", "zero", "nan", "inf"]
GradientKind = Literal["backward", "grad", "gradcheck", "gradgradcheck", "jacobian", "functional"]
STAMP_PATTERN = r"^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?$"


class Where(Part):
    """A place in the code: file relative to pytest's rootdir, line from 1."""

    file: Text
    line: Integer


class GradientEntry(Part):
    """Statistics of one parameter's gradient.

    `value` stands for scalars only; a figure that is not finite is null, and `status` says which.
    """

    status: GradientStatus
    value: Number | None = None
    norm: Number | None
    max_abs: Number | None
    numel: Integer
    zeros: Integer
    nans: Integer
    infs: Integer
    shape: list[Integer]
    dtype: Text
    device: Text
    numeric: Number | None = None
    vacuous: Flag = False


class GradientRecord(Part):
    """One gradient computation that a test made."""

    nodeid: Text
    call: Ordinal
    kind: GradientKind
    raised: Text | None
    where: Where
    loss: Number | None
    gradients: dict[str, GradientEntry]


class Gradients(Document):
    """`gradients.json`: every gradient computation that a run's tests made."""

    SCHEMA: ClassVar[str] = "gradtriage.gradients/1"
    schema_: Literal["gradtriage.gradients/1"] = Field(default="gradtriage.gradients/1", alias="schema")
    records: list[GradientRecord]
    loss: Number | None = None
    gradients: dict[str, Number | None] = Field(default_factory=dict)


class Pin(Part):
    """An environment variable as the plan wants it and as the test process saw it; null means unset."""

    wanted: Text | None
    at_start: Text | None
    at_end: Text | None


class Environment(Document):
    """`environment.json`: the environment as the test process saw it."""

    SCHEMA: ClassVar[str] = "gradtriage.environment/1"
    schema_: Literal["gradtriage.environment/1"] = Field(default="gradtriage.environment/1", alias="schema")
    python: Text
    platform: Text
    torch: Text | None
    cuda: Any
    cpu: Any = None
    threads: Any
    commit: Text | None
    dirty: Flag | None
    packages: dict[str, Text]
    pins: dict[str, Pin]


class CriterionResult(Part):
    """An exit criterion as evaluated; `measured` holds the value of each figure that its check names."""

    id: Text
    text: Text
    check: Text
    measured: Any
    met: Flag


class Criteria(Document):
    """`criteria.json`: the exit criteria of a phase as evaluated."""

    SCHEMA: ClassVar[str] = "gradtriage.criteria/1"
    schema_: Literal["gradtriage.criteria/1"] = Field(default="gradtriage.criteria/1", alias="schema")
    criteria: list[CriterionResult]


class FileEntry(Part):
    """A file of the folder: path relative to it, size, hash."""

    path: Text
    bytes: Integer
    sha256: Annotated[Text, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(Document):
    """`manifest.json`: every other file of the folder; written last."""

    SCHEMA: ClassVar[str] = "gradtriage.manifest/1"
    schema_: Literal["gradtriage.manifest/1"] = Field(default="gradtriage.manifest/1", alias="schema")
    initiative: Text | None
    phase: Text | None
    stamp: Annotated[Text, Field(pattern=STAMP_PATTERN)]
    start: Text
    end: Text
    status: Status
    tool_version: Text
    files: list[FileEntry]
    faults: list[Text] = Field(default_factory=list)
    in_flight: list[Text] = Field(default_factory=list)


class Asked(Part):
    """A criterion or hypothesis as the plan has it, before anything ran."""

    id: Text = ""
    text: Text
    check: Text | None = None
    refuted: Text | None = None


class Following(Part):
    """A phase that comes after this one."""

    id: Text
    title: Text
    objective: Text


class Earlier(Part):
    """An evidence folder that was there before this run, with its key figures."""

    path: Text
    phase: Text | None
    stamp: Text
    status: Status
    exit_code: Integer | None
    tests: Integer | None
    failures: Integer | None
    gradients: Integer | None
    zero: Integer | None
    loss: Number | None
    met: Integer
    criteria: Integer


class TaskDocument(Document):
    """`task.json`: what was asked of this run, written before it starts.

    Everything that the summary says and that no capture can tell is here: the plan's words, the command,
    the commit, the evidence that existed before.

    Attributes:
        arguments: pytest's, as `command` has them for a shell; null in folders of versions that did not write them.
    """

    SCHEMA: ClassVar[str] = "gradtriage.task/1"
    schema_: Literal["gradtriage.task/1"] = Field(default="gradtriage.task/1", alias="schema")
    initiative: Text | None
    title: Text
    plan: Text | None
    phase: Text | None
    phase_title: Text
    objective: Text
    stamp: Text
    start: Text
    tool_version: Text
    command: Text
    pytest_args: list[Text] = Field(default_factory=list)
    timeout: Number
    pins: dict[str, Text | None]
    commit: Text | None
    dirty: Flag | None
    criteria: list[Asked]
    hypotheses: list[Asked]
    next: list[Following]
    references: list[Text]
    earlier: list[Earlier]
    notes: list[Text] = Field(default_factory=list)
    arguments: list[Text] | None = None


class Ending(Document):
    """`ending.json`: how the test process ended, as the runner saw it.

    Attributes:
        cause: `exited` by itself, `timeout`, `memory` (stopped at its limit), `interrupted` by the user, or
            `abandoned`: the runner was killed.
        exit_code_source: `process`: the status of the process itself; `session`: what pytest reported before it
            ended; `assumed`: nobody could see it, -9 because the kernel kills pytest with its runner.
    """

    SCHEMA: ClassVar[str] = "gradtriage.ending/1"
    schema_: Literal["gradtriage.ending/1"] = Field(default="gradtriage.ending/1", alias="schema")
    cause: Literal["exited", "timeout", "memory", "interrupted", "abandoned"]
    exit_code: Integer
    exit_code_source: Literal["process", "session", "assumed"]
    end: Text
    left_processes: Integer
    log_error: Text | None
