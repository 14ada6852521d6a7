"""Holding an evidence folder against its manifest, and every derived document against what it is derived from."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gradtriage import __version__
from gradtriage.errors import DocumentError
from gradtriage.evidence.capture import read_capture
from gradtriage.evidence.diagnosis import told_diagnosis
from gradtriage.evidence.environment import environment_document
from gradtriage.evidence.events import merge_gradients
from gradtriage.evidence.files import files_below, sha256
from gradtriage.evidence.scanning import scan_document
from gradtriage.evidence.stamp import moment
from gradtriage.history.registry import KNOWN
from gradtriage.model.document import strict_json, to_json
from gradtriage.model.documents import Criteria, Manifest
from gradtriage.model.suite import Known
from gradtriage.report.picture import path_picture
from gradtriage.report.summary import render_summary
from gradtriage.run.seal import judge_criteria
from gradtriage.triage.captured import Captured, read_captured
from gradtriage.triage.failures import failures_of
from gradtriage.triage.judgement import judge
from gradtriage.triage.provenance import figure_pool, unfounded_figures
from gradtriage.triage.suite import suite_document
from gradtriage.triage.tabulation import tabulate

REQUIRED = (
    "command.txt", "pytest.log", "pytest.xml", "exit_code.txt", "gradients.json", "environment.json", "criteria.json",
    "summary.md", "task.json", "ending.json",
)  # fmt: skip
_CLOCK_TOLERANCE = timedelta(minutes=5)


def verify_folder(folder: Path) -> list[str]:
    """The faults of a sealed evidence folder; none for one that is whole and true.

    First the bytes: every file is there, with the size and hash of the manifest, and no other. Then the meaning: the
    documents that follow from others (gradients, environment, status, criteria, summary) are derived again and
    compared.
    """
    try:
        manifest = Manifest.read(folder / "manifest.json")
    except DocumentError as error:
        return [str(error)]
    return [*_stamp_faults(folder, manifest), *_file_faults(folder, manifest), *_meaning_faults(folder, manifest)]


def _stamp_faults(folder: Path, manifest: Manifest) -> Iterator[str]:
    if manifest.stamp != folder.resolve().name:
        yield f"the manifest's stamp {manifest.stamp} is not the folder's name"
    try:
        if moment(manifest.stamp) > datetime.now(UTC) + _CLOCK_TOLERANCE:
            yield f"the stamp {manifest.stamp} lies in the future"
        if abs(moment(manifest.stamp) - datetime.fromisoformat(manifest.start)) >= timedelta(seconds=1):
            yield f"the stamp {manifest.stamp} is not the second in which the run began ({manifest.start})"
        if datetime.fromisoformat(manifest.end) < datetime.fromisoformat(manifest.start):
            yield f"the run ends ({manifest.end}) before it begins ({manifest.start})"
    except (ValueError, TypeError) as error:
        yield f"manifest.json: {error}"


def _file_faults(folder: Path, manifest: Manifest) -> Iterator[str]:
    path = folder / "manifest.json"
    if path.is_symlink():
        yield "manifest.json: is a link; evidence is a file"
    elif manifest.tool_version == __version__ and path.read_bytes() != manifest.to_json().encode():
        yield "manifest.json: is not as it was written"
    listed = {entry.path: entry for entry in manifest.files}
    present = set(files_below(folder)) - {"manifest.json"}
    yield from (f"{name}: is not in the manifest" for name in sorted(present - set(listed)))
    yield from (f"{name}: is missing" for name in sorted((set(listed) | set(REQUIRED)) - present))
    for name in sorted(present & set(listed)):
        path, entry = folder / name, listed[name]
        if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
            yield f"{name}: is a link; evidence is a file"
        elif path.stat().st_size != entry.bytes:
            yield f"{name}: has {path.stat().st_size} bytes, the manifest says {entry.bytes}"
        elif sha256(path) != entry.sha256:
            yield f"{name}: was changed after it was sealed (SHA-256 differs from the manifest)"


def _meaning_faults(folder: Path, manifest: Manifest) -> list[str]:
    checks: list[Callable[[Captured, Manifest, Criteria], Iterator[str]]] = [
        _manifest_faults,
        _source_faults,
        _verdict_faults,
        _summary_faults,
    ]
    try:
        captured = read_captured(folder)
        criteria = Criteria.read(folder / "criteria.json")
        return [fault for check in checks for fault in check(captured, manifest, criteria)]
    except (DocumentError, UnicodeDecodeError) as error:
        return [str(error)]
    except OSError as error:
        return [f"{Path(str(error.filename or folder)).name}: {error.strerror or error}"]


def _manifest_faults(captured: Captured, manifest: Manifest, criteria: Criteria) -> Iterator[str]:
    """What the manifest repeats from the documents that were there before it."""
    del criteria
    task = captured.task
    repeated = {
        "initiative": (manifest.initiative, task.initiative),
        "phase": (manifest.phase, task.phase),
        "stamp": (manifest.stamp, task.stamp),
        "start": (manifest.start, task.start),
        "end": (manifest.end, captured.ending.end),
        "in_flight": (manifest.in_flight, list(captured.in_flight)),
    }
    yield from (f"manifest.json: {name} is not what the files say" for name, (a, b) in repeated.items() if a != b)


def _source_faults(captured: Captured, manifest: Manifest, criteria: Criteria) -> Iterator[str]:
    """Documents that follow from the events alone."""
    del criteria
    folder, task = captured.folder, captured.task
    if (folder / "exit_code.txt").read_text().strip() != str(captured.ending.exit_code):
        yield f"exit_code.txt: is not the {captured.ending.exit_code} of ending.json"
    if (folder / "command.txt").read_text().rstrip("\n") != task.command:
        yield "command.txt: is not the command of task.json"
    derived: dict[str, Any] = {
        "gradients.json": merge_gradients(captured.events),
        "environment.json": environment_document(captured.events, task.pins, task.commit, task.dirty),
    }
    if (told := told_diagnosis(captured.events)) is not None:
        derived["diagnosis.json"] = told
    if captured.scan is not None:
        derived["scan.json"] = scan_document(captured.events, read_capture(folder / "replays"))
    if captured.suite is not None and manifest.tool_version == __version__:  # another may know causes differently
        known = Known.read(folder / KNOWN)
        table = tabulate(captured.chunks)
        document, _ = suite_document(table, failures_of(table, captured.chunks), known)
        derived["suite.json"] = document.model_dump(mode="json", by_alias=True)
    for name, document in derived.items():
        if strict_json((folder / name).read_bytes()) != strict_json(to_json(document)):
            yield f"{name}: does not follow from the events"


def _verdict_faults(captured: Captured, manifest: Manifest, criteria: Criteria) -> Iterator[str]:
    judgement = judge(captured)
    if judgement.status != manifest.status:
        yield f"the manifest says {manifest.status}, the files say {judgement.status}"
    if list(judgement.faults) != manifest.faults:
        yield "the manifest's faults are not those that the files show"
    derived = judge_criteria(captured, judgement).criteria
    for said, found in zip(criteria.criteria, derived, strict=False):
        if (said.id, said.text, said.check) != (found.id, found.text, found.check):
            yield f"criteria.json: {said.id} is not the criterion that was asked"
        elif strict_json(to_json(said.model_dump())) != strict_json(to_json(found.model_dump())):
            yield (
                f"criteria.json: {said.id} says {said.met} with {said.measured}, "
                f"the files give {found.met} with {found.measured}"
            )
    if len(criteria.criteria) != len(derived):
        yield "criteria.json: does not hold the criteria that were asked"


def _summary_faults(captured: Captured, manifest: Manifest, criteria: Criteria) -> Iterator[str]:
    page = (captured.folder / "summary.md").read_text(encoding="utf-8")
    # the words of another version cannot be derived again; both files would have to claim one
    ours = __version__ in (manifest.tool_version, captured.task.tool_version)
    if ours and page != render_summary(captured, judge(captured), criteria):
        yield "summary.md: is not the page that the files give"
    elif manifest.stamp not in page:
        yield "summary.md: does not name its stamp"
    for figure in unfounded_figures(page, figure_pool(captured.folder)):
        yield f"summary.md: {figure} stands in none of the files beside it"
    picture = path_picture(captured.diagnosis) if captured.diagnosis else None
    if ours and picture is not None and (captured.folder / "path.svg").read_text(encoding="utf-8") != picture:
        yield "path.svg: is not the picture that the diagnosis gives"
