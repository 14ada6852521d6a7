"""The first commit at which a test's outcome or gradients changed: halves the commits and keeps the evidence."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from gradtriage.errors import DocumentError, GradTriageError, StoppedError
from gradtriage.evidence.files import write_whole
from gradtriage.model.bisection import BisectDocument, Examined
from gradtriage.model.comparison import Change
from gradtriage.model.plan import PytestChunk
from gradtriage.model.settings import Project
from gradtriage.report.regression import change_sentence
from gradtriage.run.command import Interpreter, interpreter
from gradtriage.run.commits import Repository
from gradtriage.run.runner import run_task
from gradtriage.run.task import EXPLAIN_PINS, Task, Words
from gradtriage.run.worktree import Worktree, checked_out, import_path
from gradtriage.triage.comparison import Tolerance, compare
from gradtriage.triage.observation import Observation, observe

STATE = "bisect.json"
# nothing of one commit may stay for the next
_ARGUMENTS = ("-p", "no:cacheprovider", "--tb=short")
_PINS = {**EXPLAIN_PINS, "PYTHONDONTWRITEBYTECODE": "1"}
# with these nothing can be said of a commit, unless they are what is looked for
_UNDECIDED = ("removed", "not-run", "skipped")
_Key = tuple[str, str, int | None, str | None]


@dataclass(frozen=True)
class Question:
    """What is looked for.

    Attributes:
        good, bad: Full hashes; `good` is in the history of `bad`.
        votes: How often the test is run on a commit; the majority decides.
        timeout: Time limit of a run in seconds.
    """

    project: Project
    nodeid: str
    good: str
    bad: str
    votes: int = 1
    timeout: float = 600.0
    arguments: tuple[str, ...] = ()
    tolerance: Tolerance = field(default_factory=Tolerance)

    @property
    def folder(self) -> Path:
        """Where the evidence and the state of this search lie."""
        asked = "\0".join([self.nodeid, str(self.votes), *self.arguments])
        name = f"{self.good[:10]}-{self.bad[:10]}-{hashlib.sha256(asked.encode()).hexdigest()[:6]}"
        return self.project.root / self.project.settings.reports / "bisect" / name


def bisect(question: Question, repository: Repository, said: Callable[[str], object]) -> BisectDocument:
    """Searches, going on where an earlier call was stopped.

    Args:
        question: What is looked for.
        repository: The repository of the project.
        said: Is told of each commit that was examined.

    Raises:
        StoppedError: The user stopped it.
        UsageError, EvidenceError: The test cannot be run, or evidence not be written.
    """
    return _Search(question, repository, said).run()


class _Search:
    def __init__(self, question: Question, repository: Repository, said: Callable[[str], object]) -> None:
        self.question, self.repository, self.said = question, repository, said
        self.state = _read_state(question)

    def run(self) -> BisectDocument:
        reference = self._reference()
        if reference is None:
            return self._finished([])
        if not self.state.changes:
            _, runs = self._runs(self.question.bad)
            differences = [_differences(reference, run, self.question.tolerance) for run in runs]
            self._note(changes=_majority(differences))
        if not self.state.changes:
            return self._finished([])
        self._examined(self.question.bad, reference)
        good, bad = {self.question.good}, self.question.bad
        while True:
            candidates = self.repository.candidates(bad, good)
            skipped = {one.commit for one in self.state.examined if one.verdict == "skip"}
            following = next((commit for commit in candidates if commit not in skipped and commit != bad), None)
            if following is None:
                return self._finished([bad, *(commit for commit in candidates if commit in skipped)])
            verdict = self._examined(following, reference, len(candidates)).verdict
            if verdict == "good":
                good.add(following)
            elif verdict == "bad":
                bad = following

    def _reference(self) -> Observation | None:
        """The run of the good commit that most of its runs agree with; None where the test did not run there."""
        _, runs = self._runs(self.question.good)
        sound = [run for run in runs if run.outcomes and "in-flight" not in run.outcomes.values()]
        if sound and not self._known(self.question.good):
            self._add(self.question.good, "good", "as it was given", ["good"] * len(runs), runs)
        return sound[0] if sound else None

    def _examined(self, commit: str, reference: Observation, left: int = 0) -> Examined:
        if (known := self._known(commit)) is not None and all(_exists(self.question, f) for f in known.folders):
            return known
        wanted = {_key(change) for change in self.state.changes}
        votes: list[str] = []
        reasons: dict[str, str] = {}
        runs: list[Observation] = []
        with closing(self._each_run(commit)) as each:
            for run in each:
                runs.append(run)
                verdict, reason = _judged(reference, run, wanted, self.question.tolerance)
                votes.append(verdict)
                reasons.setdefault(verdict, reason)
                if Counter(votes).most_common(1)[0][1] * 2 > self.question.votes:
                    break
        winner, count = Counter(votes).most_common(1)[0]
        if count * 2 <= len(votes):
            winner, reasons["skip"] = "skip", f"its runs disagree ({', '.join(votes)})"
        return self._add(commit, winner, reasons[winner], votes, runs, left)

    def _known(self, commit: str) -> Examined | None:
        return next((one for one in self.state.examined if one.commit == commit), None)

    def _runs(self, commit: str) -> tuple[Examined | None, list[Observation]]:
        """The runs of a commit, from its evidence where there is some."""
        known = self._known(commit)
        if known is not None and all(_exists(self.question, folder) for folder in known.folders):
            return known, [observe(self.question.folder / folder) for folder in known.folders]
        return known, list(self._each_run(commit))

    def _each_run(self, commit: str) -> Generator[Observation, None, None]:
        """Runs the test on a commit, once for each vote; earlier runs of a search that was stopped are counted."""
        there = sorted(p for p in (self.question.folder / commit[:12]).glob("2*") if (p / "manifest.json").is_file())
        usable = [run for folder in there if (run := _observed(folder)) is not None]
        yield from usable[: self.question.votes]
        missing = self.question.votes - len(usable)
        if missing <= 0:
            return
        project, python = self.question.project, interpreter(self.question.project)
        with checked_out(project, commit, "commit") as tree, import_path(tree, python.path, project) as variables:
            for _ in range(missing):
                outcome = run_task(self._task(commit, tree, python, variables), None)
                if outcome.ending.cause == "interrupted":
                    raise StoppedError("stopped; the same command goes on with the search")
                yield observe(outcome.folder)

    def _task(self, commit: str, tree: Worktree, python: Interpreter, variables: Mapping[str, str]) -> Task:
        question = self.question
        named = question.project.settings.python
        settings = question.project.settings.model_copy(update={"python": python.path if named else None})
        project = Project(tree.root, settings)
        arguments = [*_ARGUMENTS, *map(tree.moved, question.arguments)]
        chunk = PytestChunk(select=[tree.moved(question.nodeid)], args=arguments, timeout=question.timeout)
        words = Words(objective=f"Say whether {question.nodeid} is on commit {commit} what it is on {question.good}.")
        folder = question.folder / commit[:12]
        return Task(project, chunk, _PINS, folder, folder, words=words, variables=variables)

    def _add(
        self, commit: str, verdict: str, reason: str, votes: list[str], runs: Sequence[Observation], left: int = 0
    ) -> Examined:
        folders = [run.folder.relative_to(self.question.folder.resolve()).as_posix() for run in runs]
        subject = self.repository.subject(commit)
        data = {"commit": commit, "subject": subject, "verdict": verdict, "reason": reason}
        examined = Examined.model_validate({**data, "votes": votes, "folders": folders})
        self._note(examined=[*(one for one in self.state.examined if one.commit != commit), examined])
        steps = f" (about {max(1, left.bit_length() - 1)} more)" if left > 2 else ""
        self.said(f"{commit[:12]} {verdict}: {reason} - {subject}{steps}")
        return examined

    def _note(self, **changes: object) -> None:
        self.state = self.state.model_copy(update=changes)
        self.question.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.question.folder / STATE, self.state.to_json())

    def _finished(self, first: list[str]) -> BisectDocument:
        self._note(first=first, complete=bool(first))
        return self.state


def _read_state(question: Question) -> BisectDocument:
    fresh = BisectDocument(
        nodeid=question.nodeid,
        arguments=list(question.arguments),
        good=question.good,
        bad=question.bad,
        votes=question.votes,
        changes=[],
        examined=[],
        first=[],
        complete=False,
    )
    try:
        found = BisectDocument.read(question.folder / STATE)
    except DocumentError:
        return fresh
    asked = ("nodeid", "arguments", "good", "bad", "votes")
    same = all(getattr(found, name) == getattr(fresh, name) for name in asked)
    return found if same else fresh


def _exists(question: Question, folder: str) -> bool:
    return (question.folder / folder / "manifest.json").is_file()


def _observed(folder: Path) -> Observation | None:
    try:
        return observe(folder)
    except GradTriageError:
        return None


def _differences(reference: Observation, run: Observation, tolerance: Tolerance) -> list[Change]:
    found = compare(reference, run, tolerance)
    return [*found.worse, *found.better]


def _majority(differences: Sequence[Sequence[Change]]) -> list[Change]:
    """The changes that more than half of the runs show."""
    counts = Counter(key for changes in differences for key in {_key(change) for change in changes})
    shown = {key for key, count in counts.items() if count * 2 > len(differences)}
    kept: dict[_Key, Change] = {}
    for change in (change for changes in differences for change in changes):
        if _key(change) in shown:
            kept.setdefault(_key(change), change)
    return list(kept.values())


def _key(change: Change) -> _Key:
    return change.kind, change.nodeid, change.call, change.parameter


def _judged(
    reference: Observation, run: Observation, wanted: Collection[_Key], tolerance: Tolerance
) -> tuple[str, str]:
    """Whether a run shows any of the changes that are looked for; nothing is said where the test did not run."""
    changes = _differences(reference, run, tolerance)
    shown = [change for change in changes if _key(change) in wanted]
    if shown:
        more = f" and {len(shown) - 1} more changes" if len(shown) > 1 else ""
        return "bad", change_sentence(shown[0], shown[0].nodeid) + more
    stopped = [change for change in changes if change.kind in _UNDECIDED or change.new == "in-flight"]
    if stopped or not run.outcomes:
        return "skip", change_sentence(stopped[0], stopped[0].nodeid) if stopped else "the test did not run"
    other = f"; other changes, first {change_sentence(changes[0], changes[0].nodeid)}" if changes else ""
    return "good", f"none of the changes that are looked for{other}"
