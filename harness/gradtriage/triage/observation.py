"""What one run saw of each test and each gradient, ready to be held against another run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from gradtriage.errors import DocumentError, UsageError
from gradtriage.evidence.events import in_flight
from gradtriage.evidence.scanning import GRADCHECKS, outcomes_of
from gradtriage.evidence.stamp import is_stamp
from gradtriage.model.documents import Environment, GradientRecord, Gradients, Manifest
from gradtriage.model.scan import ScanDocument
from gradtriage.triage.captured import read_told
from gradtriage.triage.tabulation import tabulate

CallKey = tuple[str, str, int]


@dataclass(frozen=True)
class Observation:
    """One run.

    Attributes:
        named: The folder as a person names it.
        commit: The commit that was checked out; None where the tree differed from it or there is none.
        complete: Whether every collected test ended and all was kept.
        outcomes: passed, failed, error, skipped or in-flight, by test; tests that were not run have none.
        records: The gradient computations by test, kind and number among those of the kind.
        vacuous: Whether a check proves nothing, by test, kind and place, as far as that is known.
        environment: What can make two runs differ, by name.
    """

    folder: Path
    named: str
    commit: str | None
    complete: bool
    collected: tuple[str, ...]
    outcomes: Mapping[str, str]
    records: Mapping[CallKey, GradientRecord]
    vacuous: Mapping[tuple[str, str, str], bool] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stamp(self) -> str:
        """When it was."""
        return self.folder.name

    @cached_property
    def counts(self) -> dict[str, int]:
        """Tests by outcome."""
        return dict(Counter(self.outcomes.values()))


def observe(folder: Path, named: str = "") -> Observation:
    """Reads a run from its evidence folder.

    Args:
        folder: The folder.
        named: How a person names it; by its path if nothing is given.

    Raises:
        UsageError: It is no sealed evidence folder.
        DocumentError: One of its documents cannot be read.
    """
    if not is_stamp(folder.resolve().name) or not (folder / "manifest.json").is_file():
        raise UsageError(f"{folder}: is no whole evidence folder; give <reports>/.../<STAMP>")
    manifest = Manifest.read(folder / "manifest.json")
    environment = Environment.read(folder / "environment.json")
    collected, outcomes = _tests(folder)
    records = Gradients.read(folder / "gradients.json").records
    return Observation(
        folder=folder.resolve(),
        named=named or str(folder),
        commit=environment.commit if environment.dirty is False else None,
        complete=manifest.status == "complete",
        collected=tuple(collected),
        outcomes=outcomes,
        records=_numbered(records),
        vacuous=_vacuous(folder, records),
        environment=_surroundings(environment),
    )


def _tests(folder: Path) -> tuple[list[str], dict[str, str]]:
    """The tests that were collected, and the outcome of each that was started."""
    told = read_told(folder)
    if told.chunks:
        table = tabulate(told.chunks)
        return table.collected, {**table.outcomes, **dict.fromkeys(table.in_flight, "in-flight")}
    outcomes = {**outcomes_of(told.events), **dict.fromkeys(in_flight(told.events), "in-flight")}
    collected = dict.fromkeys(n for event in told.events if event["event"] == "collected" for n in event["nodeids"])
    return list(collected or outcomes), outcomes


def _numbered(records: Iterable[GradientRecord]) -> dict[CallKey, GradientRecord]:
    """Records by test, kind and their number among those: a further call of another kind shifts nothing."""
    counts: Counter[tuple[str, str]] = Counter()
    numbered: dict[CallKey, GradientRecord] = {}
    for record in records:
        counts[record.nodeid, record.kind] += 1
        numbered[record.nodeid, record.kind, counts[record.nodeid, record.kind]] = record
    return numbered


def _vacuous(folder: Path, records: Iterable[GradientRecord]) -> dict[tuple[str, str, str], bool]:
    """By the scan where there is one; else of gradchecks, which say themselves that they compare zero with zero."""
    found: dict[tuple[str, str, str], bool] = {}
    if (folder / "scan.json").exists():
        for test in ScanDocument.read(folder / "scan.json").tests:
            for check in test.checks:
                key = test.nodeid, check.kind, check.where.file
                found[key] = found.get(key, True) and check.vacuous
        return found
    for record in records:
        if record.kind in GRADCHECKS and record.gradients:
            key = record.nodeid, record.kind, record.where.file
            empty = all(e.status == "zero" and e.numeric == 0 for e in record.gradients.values())
            found[key] = found.get(key, True) and empty
    return found


def _surroundings(environment: Environment) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: getattr(environment, name) for name in ("python", "platform", "torch", "cuda", "cpu", "threads")
    }
    found |= {f"package {name}": version for name, version in environment.packages.items()}
    return found | {f"pin {name}": pin.at_start for name, pin in environment.pins.items()}


def earlier_on_commit(folder: Path, most: int = 10) -> list[Observation]:
    """Other runs of the same kind on the same commit, newest first: how much their figures scatter is no change."""
    wanted = observe(folder)
    found: list[Observation] = []
    siblings = sorted((p for p in folder.resolve().parent.iterdir() if is_stamp(p.name)), reverse=True)
    for sibling in siblings:
        if len(found) == most or wanted.commit is None:
            break
        try:
            if sibling != wanted.folder and _commit(sibling) == wanted.commit:
                found.append(observe(sibling))
        except (DocumentError, UsageError):
            continue
    return [wanted, *found]


def _commit(folder: Path) -> str | None:
    environment = Environment.read(folder / "environment.json")
    return environment.commit if environment.dirty is False else None
