"""The accepted baseline of a reports folder."""

from datetime import UTC, datetime
from pathlib import Path

from gradtriage.errors import DocumentError, UsageError
from gradtriage.evidence.files import write_whole
from gradtriage.model.comparison import ComparisonDocument
from gradtriage.model.nightly import Accepted
from gradtriage.triage.comparison import Tolerance, compare, environment_difference, scatter
from gradtriage.triage.observation import Observation, earlier_on_commit, observe

FILE = "accepted.json"


def baseline_run(reports: Path) -> Observation | None:
    """The accepted run; None where none was accepted.

    Raises:
        UsageError: The run that was accepted is gone or broken.
    """
    if not (reports / FILE).exists():
        return None
    accepted = Accepted.read(reports / FILE)
    try:
        return observe(reports / accepted.folder, accepted.folder)
    except (UsageError, DocumentError) as error:
        raise UsageError(
            f"{reports / FILE}: the accepted run {accepted.folder} cannot be read ({error}); restore it, or accept "
            "another one with --accept"
        ) from error


def accept(reports: Path, run: Observation) -> None:
    """Makes a run the baseline."""
    folder = run.folder.relative_to(reports.resolve()).as_posix()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    write_whole(reports / FILE, Accepted(folder=folder, commit=run.commit, accepted=now).to_json())


def since(baseline: Observation | None, run: Observation, across: bool) -> tuple[ComparisonDocument | None, list[str]]:
    """The comparison with the baseline, and notes for the reader; none across environments unless asked."""
    if baseline is None:
        return None, ["there is no accepted baseline; accept a run with --accept"]
    difference = environment_difference(baseline, run)
    if difference and not across:
        named = "; ".join(f"{name}: {old} -> {new}" for name, (old, new) in list(difference.items())[:5])
        remedy = "give --across to compare all the same, or --accept to take this run as the baseline"
        return None, [f"the environment is not that of the baseline ({named}), so nothing was compared; {remedy}"]
    return compare(baseline, run, Tolerance(scatter=scatter(earlier_on_commit(baseline.folder)))), []
