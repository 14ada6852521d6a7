"""What a suite's folder has beside that of any run: chunks made whole, one log and JUnit file, `suite.json`."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from gradtriage.evidence.chunks import chunk_folders
from gradtriage.evidence.files import write_whole
from gradtriage.evidence.junit import IN_FLIGHT, JUnit, JUnitCase, junit_address
from gradtriage.evidence.junit_write import junit_lines
from gradtriage.history.registry import KNOWN, REGISTRY, read_registry, write_registry
from gradtriage.history.same_commit import outcomes_on
from gradtriage.model.documents import Ending, TaskDocument
from gradtriage.model.suite import Known
from gradtriage.triage.failures import Failure, failures_of, junit_message
from gradtriage.triage.suite import suite_document
from gradtriage.triage.tabulation import CapturedChunk, Table, tabulate

_MISSING = "missing: this test was never started"


def is_suite(folder: Path) -> bool:
    """Whether a folder is that of a suite."""
    return bool(chunk_folders(folder)) or folder.parent.name == "suite"


def write_suite(
    folder: Path,
    reports: Path,
    chunks: Sequence[CapturedChunk],
) -> JUnit:
    """Writes what a suite's folder has beside that of any run; the registry of clusters is to be locked.

    Args:
        folder: The suite's folder.
        reports: Where the registry lies.
        chunks: What its processes told.

    Returns:
        The JUnit file that was written.
    """
    table = tabulate(chunks)
    _merge_logs(folder)
    failures = failures_of(table, chunks)
    junit = _write_junit(folder, table, failures)
    known = _known(folder, reports, table)
    document, registry = suite_document(table, failures, known)
    write_whole(folder / "suite.json", document.to_json())
    if registry != known.registry or not (reports / REGISTRY).exists():
        write_registry(reports, registry)
    return junit


def chunk_exit_codes(folder: Path) -> list[int]:
    """The exit status of each chunk that came to an end."""
    endings = [chunk / "ending.json" for chunk in chunk_folders(folder)]
    return [Ending.read(path).exit_code for path in endings if path.exists()]


def _known(folder: Path, reports: Path, table: Table) -> Known:
    """What was known before; written down once, so that whoever seals again finds the same."""
    path = folder / KNOWN
    if not path.exists():
        registry = read_registry(reports)
        concerned = {
            *(nodeid for nodeid, outcome in table.outcomes.items() if outcome in ("failed", "error")),
            *table.in_flight,
            *(test for cluster in registry.clusters if cluster.open for test in cluster.tests),
        }
        passed, failed = outcomes_on(TaskDocument.read(folder / "task.json"), reports, concerned)
        write_whole(path, Known(registry=registry, passed=passed, failed=failed).to_json())
    return Known.read(path)


def _merge_logs(folder: Path) -> None:
    logs = [(chunk.name, chunk / "pytest.log") for chunk in chunk_folders(folder)]
    logs = [(name, log) for name, log in logs if log.exists()]
    target = folder / "pytest.log"
    if len(logs) == 1:
        _share(logs[0][1], target)
        return
    with target.open("wb") as whole:
        for name, log in logs:
            whole.write(f"===== chunk {name} =====\n".encode())
            with log.open("rb") as part:
                shutil.copyfileobj(part, whole)
            whole.write(b"\n")


def _write_junit(folder: Path, table: Table, failures: Sequence[Failure]) -> JUnit:
    """Every collected test once; of one that failed what pytest said, of one that did not end why."""
    by_test = {failure.test: failure for failure in failures}
    cases = [_case(nodeid, table, by_test.get(nodeid)) for nodeid in table.collected]
    with (folder / "pytest.xml").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(junit_lines(cases, sum(table.seconds.values())))
    return JUnit(tuple(cases), round(sum(table.seconds.values()), 3))


def _case(nodeid: str, table: Table, failure: Failure | None) -> JUnitCase:
    classname, name = junit_address(nodeid)
    outcome, seconds = table.outcomes.get(nodeid), table.seconds.get(nodeid, 0.0)
    if outcome is None and failure is None:
        return JUnitCase(classname, name, "error", seconds, _MISSING, type="missing")
    if outcome is None and failure is not None:
        return JUnitCase(classname, name, "error", seconds, f"{failure.exception}: {failure.message}", type=IN_FLIGHT)
    if failure is not None:
        return JUnitCase(classname, name, str(outcome), seconds, junit_message(failure), failure.text)
    return JUnitCase(classname, name, "skipped" if outcome in ("skipped", "xfailed") else "passed", seconds)


def _share(source: Path, target: Path) -> None:
    """The same content under a second name, without a copy where the file system can."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def abandoned_chunk_endings(folder: Path, abandoned: Callable[[Path], Ending]) -> None:
    """Notes how the chunk ended during which the runner was killed."""
    for chunk in chunk_folders(folder):
        if (chunk / "chunk.json").exists() and not (chunk / "ending.json").exists():
            write_whole(chunk / "ending.json", abandoned(chunk).to_json())
