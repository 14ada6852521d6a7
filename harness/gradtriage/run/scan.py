"""A suite under light capture, then its gradient tests again with their gradients corrupted."""

from collections.abc import Sequence
from dataclasses import replace
from typing import IO

from gradtriage.evidence.capture import read_capture
from gradtriage.evidence.folder import PartialFolder
from gradtriage.evidence.scanning import NOISE, places_to_replay
from gradtriage.model.documents import Ending
from gradtriage.model.plan import PytestChunk
from gradtriage.model.settings import Project
from gradtriage.run.command import Interpreter
from gradtriage.run.runner import Outcome, execute, run_task
from gradtriage.run.task import EXPLAIN_PINS, Task, Words

REPLAYS = "replays"
STRENGTH = (NOISE, "zeroed", "negated", "scaled by 1.01", "scaled by 1.5", "one entry dropped")


def scan_task(project: Project, args: Sequence[str], timeout: float) -> Task:
    """The captured run of a suite.

    Args:
        project: The project that the suite belongs to.
        args: pytest's arguments; none for the project's own tests.
        timeout: Time limit in seconds, for the run and again for the replays.
    """
    folder = project.root / project.settings.reports / "scan"
    # checked as arguments, since a selection may stand anywhere among them
    chunk = PytestChunk(select=["."], args=list(args), timeout=timeout).model_copy(update={"select": []})
    words = Words(objective="Say which gradient checks of this suite prove something, and which do not.")
    return Task(project, chunk, EXPLAIN_PINS, folder, folder, words=words)


def run_scan(task: Task, echo: IO[bytes] | None, *, strength: bool) -> Outcome:
    """Runs a suite, then the replays of its gradient tests, and seals both in one folder.

    Args:
        task: The captured run.
        echo: Where pytest's output is shown while it comes.
        strength: Try every corruption, and not noise alone.
    """

    def perform(partial: PartialFolder, python: Interpreter) -> Ending:
        ending = execute(task, python, partial.path, echo)
        places = places_to_replay(read_capture(partial.path))
        if places and ending.cause == "exited":
            corruptions = list(STRENGTH if strength else STRENGTH[:1])
            if echo is not None:
                replays = sum(map(len, places.values())) * len(corruptions)
                line = f"gradtriage: replaying {len(places)} tests, {replays} times in all, with gradients corrupted\n"
                echo.write(line.encode())
                echo.flush()
            folder = partial.path / REPLAYS
            folder.mkdir()
            # the same arguments: options, plugins and workers are those of the suite; the plugin leaves other tests out
            again = replace(task, request={"places": places, "corruptions": corruptions})
            execute(again, python, folder, None)
        return ending

    return run_task(task, echo, perform)
