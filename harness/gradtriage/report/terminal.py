"""The few lines that a command leaves on the terminal."""

from pathlib import Path

from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.model.documents import Criteria, Gradients, Manifest
from gradtriage.report.markdown import number, reading

MARKS = {True: "✓", False: "✗"}


def outcome_lines(title: str, folder: Path, shown: str) -> list[str]:
    """A phase's outcome: status, gradients, criteria, where to read on.

    Args:
        title: The phase as the plan calls it.
        folder: Its sealed evidence folder.
        shown: The folder's name as the user can open it.
    """
    manifest = Manifest.read(folder / "manifest.json")
    lines = [f"{title}: {manifest.status}"]
    lines += [f"  ! {fault}" for fault in manifest.faults]
    lines += gradient_lines(Gradients.read(folder / "gradients.json"))
    if (folder / "diagnosis.json").exists():
        lines += diagnosis_lines(DiagnosisDocument.read(folder / "diagnosis.json"))
    lines += criteria_lines(Criteria.read(folder / "criteria.json"))
    return [*lines, f"  evidence: {shown}/summary.md"]


def gradient_lines(gradients: Gradients, most: int = 6) -> list[str]:
    """One line a gradient computation: loss, and how many gradients are of which status."""
    lines = []
    for record in gradients.records[:most]:
        statuses = [entry.status for entry in record.gradients.values()]
        counted = (
            ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses)) or "none asked for"
        )
        lines.append(f"  {record.nodeid.rsplit('::', 1)[-1]}: loss {number(record.loss, 6)}; gradients: {counted}")
    if len(gradients.records) > most:
        lines.append(f"  and {len(gradients.records) - most} more gradient computations")
    return lines


def diagnosis_lines(diagnosis: DiagnosisDocument) -> list[str]:
    """The verdict, and one line a cause."""
    lines = [f"  diagnosis: {diagnosis.verdict}"]
    lines += [f"    {cause.kind} at {cause.file}:{cause.line} ({cause.proof})" for cause in diagnosis.causes]
    return lines


def criteria_lines(criteria: Criteria) -> list[str]:
    """One line a criterion; an unmet one with what was measured."""
    lines = []
    for criterion in criteria.criteria:
        lines.append(f"  {MARKS[criterion.met]} {criterion.id} {criterion.text}")
        if not criterion.met:
            lines.append(f"      {criterion.check}")
            lines.append(f"      measured: {reading(criterion.measured or {}).replace('`', '')}")
    return lines
