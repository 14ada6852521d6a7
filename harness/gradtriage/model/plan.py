"""Plans: what to run in which phase, under which pins, and when a phase counts as done."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from gradtriage.model.document import Flag, Number, Text

MAX_SECONDS = 30 * 24 * 3600.0
# options with which a plan would take the capture out of the runner's hands
RESERVED_OPTIONS = ("--junitxml", "--junit-xml", "--gradtriage", "--rootdir", "--collect-only", "--co")
RESERVED_PLUGINS = ("no:gradtriage", "no:junitxml", "no:terminal")


def _compiles(check: str, info: ValidationInfo) -> str:
    """Lets the reader's expression language, given as context, refuse a check (the model does not know it)."""
    if info.context:
        info.context["compile_check"](check)
    return check


Seconds = Annotated[Number, Field(gt=0, le=MAX_SECONDS)]
Name = Annotated[Text, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Check = Annotated[Text, Field(min_length=1), AfterValidator(_compiles)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PytestChunk(_Part):
    """What pytest gets: which tests, which arguments, how long.

    Attributes:
        select: Node ids, files or folders, relative to the project's root.
        args: Further pytest arguments.
        timeout: Time limit in seconds.
        grace: Seconds between interrupt, terminate and kill when the limit is hit.
    """

    select: Annotated[list[Text], Field(min_length=1)]
    args: list[Text] = Field(default_factory=list)
    timeout: Seconds = 3600.0
    grace: Seconds = 10.0

    @field_validator("select")
    @classmethod
    def _selects_tests(cls, select: list[str]) -> list[str]:
        for item in select:
            if not item.strip() or item.startswith("-"):
                raise ValueError(f"{item!r} is not a test to select; options belong under 'args'")
        return select

    @field_validator("args")
    @classmethod
    def _leaves_the_capture_alone(cls, args: list[str]) -> list[str]:
        for before, arg in zip(["", *args], args, strict=False):
            if arg.split("=")[0] in RESERVED_OPTIONS or arg.startswith("--gradtriage"):
                raise ValueError(f"{arg!r} is set by the runner; take it out")
            plugin = arg if before == "-p" else arg.removeprefix("-p")
            if (before == "-p" or arg.startswith("-p")) and plugin in RESERVED_PLUGINS:
                raise ValueError(f"'-p {plugin}' would switch off the capture; take it out")
        return args


class Criterion(_Part):
    """An exit criterion: a sentence for people and a check over the evidence."""

    id: Annotated[Text, Field(min_length=1)]
    text: Text
    check: Check


class Hypothesis(_Part):
    """A possible cause. With a check it is a probe: the phase's own figures confirm or refute it.

    A plain string in the plan is a hypothesis without a probe; it stays open.
    """

    statement: Annotated[Text, Field(min_length=1)]
    confirmed: Check | None = None
    refuted: Check | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler(schema)]}

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: object) -> object:
        return {"statement": data} if isinstance(data, str) else data


class Phase(_Part):
    """One step of an initiative, with its own evidence folder.

    Attributes:
        explain: Explain the gradients of the tests before they run; the evidence then holds a diagnosis.
    """

    id: Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]
    title: Text = ""
    objective: Text = ""
    pytest: PytestChunk | None = None
    needs: list[Text] = Field(default_factory=list)
    explain: Flag = False
    criteria: list[Criterion] = Field(default_factory=list)
    hypotheses: list[Hypothesis] = Field(default_factory=list)
    next: list[Text] = Field(default_factory=list)

    @property
    def folder_name(self) -> str:
        """The folder of this phase's evidence below the plan's reports."""
        return f"phase_{self.id.lower()}"

    @field_validator("criteria")
    @classmethod
    def _unique_ids(cls, criteria: list[Criterion]) -> list[Criterion]:
        ids = [criterion.id for criterion in criteria]
        if twice := {i for i in ids if ids.count(i) > 1}:
            raise ValueError(f"criterion id {sorted(twice)[0]!r} stands twice")
        return criteria


class PhaseStatus(_Part):
    """Where a phase stood when the plan's own status section was written."""

    state: Text
    evidence: Text | None = None
    done: list[Text] = Field(default_factory=list)
    open: list[Text] = Field(default_factory=list)


class Plan(_Part):
    """A plan as written in YAML (`docs/formats.md`), checked; paths are relative to the project's root.

    Attributes:
        initiative: Identifier of the ledger item that the plan works on.
        reports: Folder below which each phase's evidence goes.
        env: Environment variables that hold from before the interpreter starts; null means unset.
        status: What `gradtriage plan status --write` noted, by phase; nothing relies on it.
    """

    SCHEMA: ClassVar[str] = "gradtriage.plan/1"
    schema_: Literal["gradtriage.plan/1"] = Field(alias="schema")
    initiative: Annotated[Text, Field(min_length=1)]
    title: Text = ""
    reports: Annotated[Text, Field(min_length=1)]
    ledger: Text | None = None
    env: dict[Name, Text | None] = Field(default_factory=dict)
    references: list[Text] = Field(default_factory=list)
    phases: Annotated[list[Phase], Field(min_length=1)]
    status: dict[str, PhaseStatus] | None = None

    @field_validator("env", mode="before")
    @classmethod
    def _quoted(cls, env: object) -> object:
        if isinstance(env, dict):
            for name, value in env.items():
                if value is not None and not isinstance(value, str):
                    raise ValueError(f'{name}: {value!r} is not text; put the value in quotes ("{value}")')
                if value is not None and "\0" in value:
                    raise ValueError(f"{name}: the value holds a null character")
        return env

    @model_validator(mode="after")
    def _phases_fit(self) -> Self:
        seen: list[str] = []
        for phase in self.phases:
            if phase.id.lower() in (known.lower() for known in seen):
                raise ValueError(f"phase id {phase.id!r} stands twice (upper and lower case share a folder)")
            for needed in phase.needs:
                if needed not in seen:
                    raise ValueError(f"phase {phase.id!r} needs {needed!r}, which is no phase before it")
            seen.append(phase.id)
            self.chunk(phase.id)
        for phase in self.phases:
            for following in phase.next:
                if following not in seen:
                    raise ValueError(f"phase {phase.id!r} names {following!r} as next, which is no phase of this plan")
        return self

    def phase(self, phase_id: str) -> Phase:
        """The phase of that id.

        Raises:
            KeyError: There is none.
        """
        for phase in self.phases:
            if phase.id == phase_id:
                return phase
        raise KeyError(phase_id)

    def chunk(self, phase_id: str) -> PytestChunk:
        """What pytest runs in a phase: its own chunk, or that of the phase it needs.

        Raises:
            ValueError: Neither the phase nor any that it needs has one.
        """
        phase = self.phase(phase_id)
        if phase.pytest is not None:
            return phase.pytest
        for needed in phase.needs:
            return self.chunk(needed)
        raise ValueError(f"phase {phase_id!r} has no 'pytest' and needs no phase that has one")

    def reports_folder(self, root: Path) -> Path:
        """The folder below which the phases' evidence goes."""
        return root / self.reports
