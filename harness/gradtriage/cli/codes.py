"""Exit codes of the contract that follow from how runs ended, whatever a command looks for in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtriage.run.runner import Outcome

WRONG_USAGE, NOT_FINISHED, INTERRUPTED = 2, 3, 130
PYTEST_USAGE = 4  # pytest's own code for a command line that it cannot use


def ending_code(outcomes: Sequence[Outcome]) -> int | None:
    """The exit code that the runs' endings demand; None where it is for the command to say."""
    if any(outcome.ending.cause == "interrupted" for outcome in outcomes):
        return INTERRUPTED
    if any(outcome.ending.log_error or _lost_events(outcome) for outcome in outcomes):
        return NOT_FINISHED
    return WRONG_USAGE if any(unusable(outcome) for outcome in outcomes) else None


def unusable(outcome: Outcome) -> bool:
    """Whether pytest could not use its command line."""
    return outcome.ending.exit_code == PYTEST_USAGE


def _lost_events(outcome: Outcome) -> bool:
    return any("could not be written" in fault for fault in outcome.manifest.faults)
