"""The files of a night that a CI system reads, and what GitHub Actions is told."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from gradtriage.errors import EvidenceError
from gradtriage.evidence.files import write_whole
from gradtriage.model.document import to_json
from gradtriage.nightly.document import headline, nightly_document
from gradtriage.nightly.night import NightResult
from gradtriage.report.github import annotations, step_summary, within_limit
from gradtriage.report.markdown import plain
from gradtriage.report.sarif import sarif_document

JUNIT, SARIF, COMPARISON = "junit.xml", "results.sarif", "comparison.json"
SUMMARY, NIGHTLY = "summary.md", "nightly.json"


def write_outputs(result: NightResult, folder: Path) -> None:
    """Writes the merged JUnit file, SARIF, comparison, summary and `nightly.json`; those of the night before go.

    Raises:
        EvidenceError: They cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (JUNIT, SARIF, COMPARISON, SUMMARY, NIGHTLY):
            (folder / name).unlink(missing_ok=True)
        shutil.copyfile(result.run.folder / "pytest.xml", folder / JUNIT)
        write_whole(folder / SARIF, to_json(sarif_document([noted.trouble for noted in result.noted])))
        if result.comparison is not None:
            write_whole(folder / COMPARISON, result.comparison.to_json())
        write_whole(folder / SUMMARY, within_limit(page(result)))
        write_whole(folder / NIGHTLY, nightly_document(result).to_json())
    except OSError as error:
        raise EvidenceError(f"{folder}: {error.strerror or error}; choose another folder with --out") from error


def page(result: NightResult) -> str:
    """The summary of a night as Markdown."""
    troubles = [(noted.trouble, noted.item) for noted in result.noted]
    told = step_summary(headline(result), result.run.counts, troubles, result.comparison)
    notes = "".join(f"\n> {plain(note)}\n" for note in result.notes)
    return told + notes


def tell_github(result: NightResult, env: Mapping[str, str], said: Callable[[str], object]) -> None:
    """Annotations on the terminal and the step's summary, where GitHub Actions runs us.

    Args:
        result: The night.
        env: The environment.
        said: Prints a line.
    """
    if env.get("GITHUB_ACTIONS") == "true":
        for line in annotations([noted.trouble for noted in result.noted]):
            said(line)
    if target := env.get("GITHUB_STEP_SUMMARY"):
        path = Path(target)
        used = path.stat().st_size if path.exists() else 0
        with path.open("a", encoding="utf-8") as file:
            file.write(within_limit(page(result), used))
