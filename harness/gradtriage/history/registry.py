"""The registry of a reports folder: every cluster that ever was, kept under a lock so that no id is given twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from gradtriage.errors import DocumentError
from gradtriage.evidence.files import write_whole
from gradtriage.evidence.folder import sealed_folders
from gradtriage.evidence.stamp import order
from gradtriage.model.suite import Known, KnownCluster, Registry
from gradtriage.triage.captured import read_chunks
from gradtriage.triage.failures import failures_of
from gradtriage.triage.suite import suite_document
from gradtriage.triage.tabulation import tabulate

REGISTRY = "clusters.json"
KNOWN = "known.json"
SNAPSHOTS = "clusters"


@contextmanager
def locked_registry(reports: Path) -> Iterator[None]:
    """Holds the registry of a reports folder against other runs while clusters are given their ids."""
    reports.mkdir(parents=True, exist_ok=True)
    with FileLock(reports / f".{REGISTRY}.lock", timeout=120):
        yield


def read_registry(reports: Path) -> Registry:
    """The registry; made anew from the evidence folders where the file is missing or cannot be read."""
    try:
        return Registry.read(reports / REGISTRY)
    except DocumentError:
        return rebuilt_registry(reports)


def write_registry(reports: Path, registry: Registry) -> None:
    """Writes the registry."""
    write_whole(reports / REGISTRY, registry.to_json())


def keep_snapshot(reports: Path, stamp: str, registry: Registry) -> Path:
    """Keeps a registry as JUnit files left it, so that it can be made anew without them."""
    folder = reports / SNAPSHOTS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stamp}.json"
    write_whole(path, registry.to_json())
    return path


def rebuilt_registry(reports: Path) -> Registry:
    """The registry as it follows from what each run knew and found, in the order of their stamps."""
    folders = [path for path in sealed_folders(reports) if (path / KNOWN).exists()] if reports.is_dir() else []
    snapshots = list((reports / SNAPSHOTS).glob("*.json"))
    last, clusters = 0, dict[str, KnownCluster]()
    for path in sorted([*folders, *snapshots], key=lambda path: order(path.name.removesuffix(".json"))):
        try:
            left = Registry.read(path) if path in snapshots else _left_by(path)
        except (DocumentError, OSError, ValueError):
            continue  # somebody's broken folder: `verify` says so
        last = max(last, left.last)
        clusters |= {cluster.id: cluster for cluster in left.clusters}
    return Registry(last=last, clusters=list(clusters.values()))


def _left_by(folder: Path) -> Registry:
    chunks = read_chunks(folder)
    table = tabulate(chunks)
    return suite_document(table, failures_of(table, chunks), Known.read(folder / KNOWN))[1]
