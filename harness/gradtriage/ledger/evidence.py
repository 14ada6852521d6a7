"""What the evidence says about an item of the ledger."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradtriage.errors import DocumentError
from gradtriage.evidence.folder import sealed_folders
from gradtriage.evidence.junit import read_junit
from gradtriage.evidence.stamp import order
from gradtriage.ledger.page import Item
from gradtriage.model.diagnosis import DiagnosisDocument
from gradtriage.model.documents import Criteria, Gradients, Manifest
from gradtriage.model.plan import Plan
from gradtriage.model.plan_file import read_plan
from gradtriage.model.settings import Project, find_project
from gradtriage.model.suite import Cluster, SuiteDocument
from gradtriage.triage.checks import compile_check
from gradtriage.triage.progress import plan_progress

_CODE = re.compile(r"(`+) ?(.+?) ?\1(?!`)")


@dataclass(frozen=True)
class ItemEvidence:
    """The evidence of an item: that of its plan, or the suites that its tests failed in.

    Attributes:
        folders: The sealed evidence folders that show it, oldest first.
        statuses: The statuses that fit the evidence, the most fitting first; empty where it says nothing.
        attempts: Whether each folder is an attempt of the item.
        clusters: The clusters of failures that it makes.
    """

    folders: tuple[Path, ...]
    statuses: tuple[str, ...]
    attempts: bool = True
    clusters: tuple[str, ...] = ()

    @property
    def stamps(self) -> list[str]:
        """When the evidence was made, oldest first."""
        return [folder.name for folder in self.folders]


def clusters_of(item: Item) -> list[str]:
    """The clusters that an item names."""
    return re.findall(r"C[0-9]+", item.value("cluster"))


def tests_of(item: Item) -> list[str]:
    """The tests that an item names."""
    return [found[1] for found in _CODE.findall(item.value("tests"))]


def suite_folder(item: Item) -> str:
    """Where the suites lie whose clusters an item names, as the ledger names the folder."""
    return item.value("suites").strip("`<> ")


def plan_of(ledger: Path, item: Item) -> tuple[Project, Plan] | None:
    """The plan that an item names, which may be relative to the project or to the ledger; None if it names none.

    Raises:
        GradTriageError: The plan or the settings cannot be used.
    """
    named = item.value("plan").strip().strip("`<>")
    if named.startswith("["):
        named = named.partition("](")[2].rstrip(")")
    if not named.endswith((".yaml", ".yml")):
        return None
    project = find_project(ledger.resolve().parent)
    path = next((p for p in (project.root / named, ledger.parent / named) if p.exists()), project.root / named)
    return project, read_plan(path, compile_check)


def item_evidence(ledger: Path, item: Item) -> ItemEvidence | None:
    """What the evidence says about an item; None for one that names neither a plan nor clusters of suites.

    Raises:
        GradTriageError: The plan cannot be used.
    """
    found = plan_of(ledger, item)
    if found is None:
        return _of_suites(ledger.parent / suite_folder(item), item) if suite_folder(item) else None
    project, plan = found
    reports = plan.reports_folder(project.root)
    folders = [f for f in (sealed_folders(reports) if reports.is_dir() else []) if _is_about(f, item.id)]
    if not folders:
        return ItemEvidence((), ())
    done = all(phase.state == "done" for phase in plan_progress(plan, reports))
    return ItemEvidence(tuple(folders), ("done",) if done else ("in_progress", "blocked"))


def _of_suites(suites: Path, item: Item) -> ItemEvidence:
    """An item is done when the latest complete suite does not show it any more."""
    shown: dict[Path, list[str]] = {}
    gone = False
    for folder in sealed_folders(suites) if suites.is_dir() else []:
        try:
            document = SuiteDocument.read(folder / "suite.json")
        except DocumentError:
            continue
        clusters = [cluster.id for cluster in document.clusters if _shows(cluster, item)]
        if clusters:
            shown[folder] = clusters
        gone = not clusters and (document.complete or gone)
    if not shown:
        return ItemEvidence((), ())
    statuses = ("done",) if gone else ("open", "in_progress", "blocked")
    named = dict.fromkeys([*clusters_of(item), *(cluster for found in shown.values() for cluster in found)])
    return ItemEvidence(tuple(shown), statuses, attempts=False, clusters=tuple(named))


def _shows(cluster: Cluster, item: Item) -> bool:
    if cluster.status == "resolved" or not cluster.tests:
        return False
    return cluster.id in clusters_of(item) or bool(set(cluster.tests) & set(tests_of(item)))


def _is_about(folder: Path, item_id: str) -> bool:
    try:
        return Manifest.read(folder / "manifest.json").initiative == item_id
    except DocumentError:
        return False


def evidence_sentence(folder: Path) -> str:
    """What an evidence folder says, on one line: phase, status, failures, gradients, diagnosis, criteria.

    Raises:
        DocumentError: A document of it cannot be read.
    """
    return "; ".join(_parts(folder))


def _parts(folder: Path) -> Iterator[str]:
    manifest = Manifest.read(folder / "manifest.json")
    junit = read_junit(folder / "pytest.xml")
    phase = f"phase {manifest.phase} " if manifest.phase else ""
    yield f"{phase}{manifest.status}, {len(junit.broken)} of {junit.tests} tests failed"
    entries = [e for record in Gradients.read(folder / "gradients.json").records for e in record.gradients.values()]
    statuses = [entry.status for entry in entries]
    if statuses:
        yield "gradients: " + ", ".join(f"{statuses.count(s)} {s}" for s in dict.fromkeys(statuses))
    if (folder / "diagnosis.json").exists():
        diagnosis = DiagnosisDocument.read(folder / "diagnosis.json")
        cause = diagnosis.causes[0] if diagnosis.causes else None
        yield diagnosis.verdict + (f", {cause.kind} at {cause.file}:{cause.line} ({cause.proof})" if cause else "")
    criteria = Criteria.read(folder / "criteria.json").criteria
    for met, word in ((True, "met"), (False, "not met")):
        if ids := [criterion.id for criterion in criteria if criterion.met is met]:
            yield f"{' '.join(ids)} {word}"


def seen_between(recorded: tuple[str, str], stamps: Sequence[str]) -> tuple[str, str]:
    """First and last sighting, widened by the evidence there is; what was seen once stays seen.

    Args:
        recorded: First and last seen as the ledger has them; empty where it has not.
        stamps: The evidence's, oldest first; at least one.
    """
    first = min((stamp for stamp in (recorded[0], stamps[0]) if stamp), key=order)
    last = max((stamp for stamp in (recorded[1], stamps[-1]) if stamp), key=order)
    return first, last
