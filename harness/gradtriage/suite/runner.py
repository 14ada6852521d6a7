"""One run of a suite: chunks from the collection to the last test, sealed in one folder."""

from concurrent.futures import Executor
from datetime import UTC, datetime

from gradtriage.evidence.chunks import chunk_folders
from gradtriage.evidence.folder import PartialFolder
from gradtriage.model.documents import Ending
from gradtriage.run.codes import suite_exit_code
from gradtriage.run.command import Interpreter
from gradtriage.run.runner import Outcome, run_task
from gradtriage.suite.executor import SerialExecutor
from gradtriage.suite.resume import take_over
from gradtriage.suite.schedule import Schedule
from gradtriage.suite.task import SuiteTask
from gradtriage.suite.watcher import Watcher


def run_suite(
    suite: SuiteTask, watcher: Watcher | None = None, executor: Executor | None = None, width: int = 1
) -> Outcome:
    """Runs a suite and seals its evidence.

    Args:
        suite: What to run.
        watcher: Who wants to know how it comes on.
        executor: Runs the chunks; one after the other in this process where none is given.
        width: How many chunks the executor is given at once.

    Raises:
        UsageError: The interpreter or pytest cannot be started.
        EvidenceError: The evidence cannot be written.
    """

    def perform(partial: PartialFolder, python: Interpreter) -> Ending:
        taken = take_over(suite, partial)
        schedule = Schedule(suite, python, partial.path, watcher or Watcher(), taken.done, taken.first)
        schedule.run(executor or SerialExecutor(), width)
        return _ending(schedule, _exit_codes(suite, schedule, partial))

    return run_task(suite.task, None, perform)


def _exit_codes(suite: SuiteTask, schedule: Schedule, partial: PartialFolder) -> list[int]:
    """The statuses that count: not of chunks that were run anew, nor of earlier ones whose tests are tried again."""
    paths = [path for path in chunk_folders(partial.path) if path.name not in schedule.superseded]
    earlier = {path.name for path in chunk_folders(suite.resume)} if suite.resume is not None and suite.retry else set()
    return [Ending.read(path / "ending.json").exit_code for path in paths if path.name not in earlier]


def _ending(schedule: Schedule, codes: list[int]) -> Ending:
    """The ending of the whole; that of the only chunk, where there is one."""
    endings = schedule.endings
    return Ending(
        cause="interrupted" if any(ending.cause == "interrupted" for ending in endings) else "exited",
        exit_code=suite_exit_code(codes),
        exit_code_source="process",
        end=datetime.now(UTC).isoformat(timespec="milliseconds"),
        left_processes=sum(ending.left_processes for ending in endings),
        log_error=next((ending.log_error for ending in endings if ending.log_error), None),
    )
