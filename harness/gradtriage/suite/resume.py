"""Going on with a suite that was not finished: what it captured is taken over, and only what is missing is run."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from gradtriage.errors import DocumentError, UsageError
from gradtriage.evidence.chunks import CHUNKS, chunk_folders
from gradtriage.evidence.commit import checked_out
from gradtriage.evidence.files import write_whole
from gradtriage.evidence.folder import PartialFolder, sealed_folders
from gradtriage.model.documents import TaskDocument
from gradtriage.model.suite import ChunkDocument
from gradtriage.suite.task import GO_ON, SuiteTask


@dataclass(frozen=True)
class TakenOver:
    """What an earlier run leaves to this one.

    Attributes:
        done: Tests that are not to be run: those that ended, and those in flight unless they are to be tried again.
        first: The number of the next chunk.
    """

    done: tuple[str, ...] = ()
    first: int = 1


def resumable(folder: Path, project_root: Path, evidence: Path) -> Path:
    """The sealed folder of a suite that can be gone on with.

    Args:
        folder: The folder as the user names it; the name that it had while the run lived is as good.
        project_root: Where the code is.
        evidence: The folder whose content does not make the tree dirty.

    Raises:
        UsageError: It is no suite's folder, or the commit is another by now.
    """
    if folder.name.startswith(".") and folder.name.endswith(".partial"):
        folder = folder.with_name(folder.name.removeprefix(".").removesuffix(".partial"))
    try:
        task = TaskDocument.read(folder / "task.json")
    except DocumentError as error:
        raise UsageError(f"--resume {folder}: is no evidence folder of a suite: {error}") from error
    if not chunk_folders(folder) or folder not in sealed_folders(folder.parent):
        raise UsageError(f"--resume {folder}: is no whole evidence folder of a suite; name one of {folder.parent}")
    commit, _ = checked_out(project_root, evidence)
    if commit != task.commit:
        raise UsageError(
            f"--resume {folder}: ran on commit {task.commit}, and {commit} is checked out; check that one out again, "
            "or run the suite anew"
        )
    return folder


def take_over(suite: SuiteTask, partial: PartialFolder) -> TakenOver:
    """Copies the chunks of the run that is gone on with into the new folder."""
    if suite.resume is None:
        return TakenOver()
    from gradtriage.triage.captured import read_chunks  # these take long to import, and most runs need them not yet
    from gradtriage.triage.tabulation import tabulate

    for chunk in chunk_folders(suite.resume):
        target = partial.path / CHUNKS / chunk.name
        shutil.copytree(chunk, target)
        asked = ChunkDocument.read(target / "chunk.json")
        if asked.carried is None:
            taken = asked.model_copy(update={"carried": suite.resume.name})
            write_whole(target / "chunk.json", taken.to_json())
    chunks = read_chunks(partial.path)
    table = tabulate(chunks)
    in_flight = () if suite.retry else tuple(table.in_flight)
    broken = {event["nodeid"] for chunk in chunks for event in chunk.told("collect_error")}
    done = tuple(nodeid for nodeid in table.outcomes if nodeid not in broken)
    first = max((int(chunk.name.partition(".")[0]) for chunk in chunk_folders(partial.path)), default=0) + 1
    return TakenOver((*done, *in_flight), first)


def command_arguments(folder: Path) -> list[str]:
    """Pytest's arguments of the run that is gone on with."""
    return [arg for arg in TaskDocument.read(folder / "task.json").pytest_args if arg != GO_ON]
