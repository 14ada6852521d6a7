"""`gradtriage bisect`."""

from pathlib import Path

import click

from gradtriage.cli.output import say
from gradtriage.cli.targets import check_json_target, json_to, shown_path
from gradtriage.errors import UsageError
from gradtriage.evidence.revisions import commit_of
from gradtriage.model.bisection import BisectDocument
from gradtriage.model.settings import Project, find_project
from gradtriage.report.regression import change_sentence
from gradtriage.run.bisect import STATE, Question
from gradtriage.run.bisect import bisect as searched
from gradtriage.run.commits import Repository
from gradtriage.run.seal import seal_all_abandoned
from gradtriage.triage.comparison import Tolerance


@click.command(
    epilog="Example: gradtriage bisect tests/test_flow.py::test_gradient --good v1.2 --bad HEAD",
    short_help="Find the first commit at which a test's outcome or gradients changed.",
)
@click.argument("nodeid")
@click.argument("pytest_args", nargs=-1, metavar="[-- PYTEST ARGS]...")
@click.option("--good", required=True, metavar="REV", help="A commit on which the test is as it should be.")
@click.option("--bad", required=True, metavar="REV", help="A later commit on which it is not.")
@click.option(
    "--votes", type=click.IntRange(min=1), default=1, show_default=True, help="Runs a commit; the majority decides."
)
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=600.0, show_default=True, help="Time limit of a run in seconds."
)
@click.option(
    "--tolerance", type=click.FloatRange(min=0), metavar="R", help="How far a gradient may drift, relative to its size."
)
@click.option("--json", "json_file", metavar="FILE", help="Write the search as JSON to FILE, - for stdout.")
def bisect(nodeid: str, pytest_args: tuple[str, ...], json_file: str | None, **given: object) -> int:
    """Find the first commit at which the outcome or the gradients of the test NODEID changed.

    Commits are checked out in a temporary working tree; yours is not touched. A commit on which the test cannot run is
    skipped. The same command goes on with a search that was stopped. Exit code 0: found.
    """
    check_json_target(json_file)
    project = find_project(Path.cwd())
    repository = Repository.around(project.root)
    question = _question(project, repository, nodeid, pytest_args, given)
    to_stdout = json_file == "-"
    for folder in seal_all_abandoned(question.folder, lambda error: say(f"gradtriage: {error}", err=True)):
        say(f"sealed what a killed run had left: {shown_path(folder)}", err=True)
    found = searched(question, repository, lambda line: say(line, err=to_stdout))
    say("\n".join(_lines(question, repository, found)), err=to_stdout)
    if json_file is not None:
        json_to(json_file, found.to_json())
    return int(not found.first)


def _question(
    project: Project, repository: Repository, nodeid: str, args: tuple[str, ...], given: dict[str, object]
) -> Question:
    good, bad = (_commit(repository, option, str(given[option])) for option in ("good", "bad"))
    if good == bad or not repository.is_ancestor(good, bad):
        raise UsageError(f"--good {given['good']} is no ancestor of --bad {given['bad']}; give an older commit as good")
    tolerance = given["tolerance"]
    return Question(
        project,
        nodeid,
        good,
        bad,
        int(str(given["votes"])),
        float(str(given["timeout"])),
        args,
        Tolerance(float(str(tolerance)) if tolerance is not None else None),
    )


def _commit(repository: Repository, option: str, revision: str) -> str:
    commit = commit_of(repository.top, revision)
    if commit is None:
        raise UsageError(f"--{option} {revision}: git knows no such commit; give a branch, a tag or a hash")
    return commit


def _lines(question: Question, repository: Repository, found: BisectDocument) -> list[str]:
    where = f"evidence: {shown_path(question.folder)}/{STATE}"
    if not found.changes:
        known = {one.commit for one in found.examined}
        ran = "does not run" if question.good not in known else "is the same"
        also = "" if question.good not in known else f" and on {question.bad[:12]}"
        return [f"not found: the test {ran} on {question.good[:12]}{also}", where]
    one = len(found.first) == 1
    head = "the first commit with the change:" if one else "the first commit is one of these; between them nothing ran:"
    commits = [f"  {commit[:12]} {repository.subject(commit)}" for commit in found.first]
    return [
        head,
        *commits,
        *(f"  ✗ {change_sentence(change, question.nodeid)}" for change in found.changes[:10]),
        where,
    ]
