"""The errors that a user can get wrong or that the machine can cause, one tree with exit codes."""


class GradTriageError(Exception):
    """Something the user has to know, in one line.

    Args:
        message: What was given, what was expected and what to do.
        slug: Stable short name of the kind of error; `docs/errors.md` has a section for each.
    """

    exit_code = 3
    slug = "internal"

    def __init__(self, message: str, *, slug: str | None = None) -> None:
        super().__init__(message)
        if slug is not None:
            self.slug = slug


class UsageError(GradTriageError):
    """The command, the settings or the plan cannot be used as they are (exit code 2)."""

    exit_code = 2
    slug = "usage"


class PlanError(UsageError):
    """A plan or settings file is not what the contract says: names the file, the line, the key and the remedy."""

    slug = "plan"


class DocumentError(GradTriageError):
    """A captured file is not a document of its schema."""

    exit_code = 1
    slug = "document"


class StoppedError(GradTriageError):
    """The user stopped the command (exit code 130); what was captured is kept."""

    exit_code = 130
    slug = "stopped"


class EvidenceError(GradTriageError):
    """Evidence could not be written or is not whole (exit code 3)."""

    slug = "evidence"


class BaselineError(UsageError):
    """A known-good run cannot be had from the revision or the file that was named."""

    slug = "baseline"
