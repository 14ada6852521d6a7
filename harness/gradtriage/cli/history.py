"""`gradtriage history`."""

from pathlib import Path

import click

from gradtriage.cli.output import say
from gradtriage.cli.targets import check_json_target, json_to
from gradtriage.errors import UsageError
from gradtriage.history.store import History, connect
from gradtriage.model.document import to_json
from gradtriage.model.settings import find_project
from gradtriage.report.history import TestHistory, history_document, history_lines

_MOST_NAMED = 12


@click.command(
    epilog="Example: gradtriage history tests/test_flow.py::test_gradient_flow",
    short_help="Show what a test did over time.",
)
@click.argument("test", required=False)
@click.option("--last", type=click.IntRange(min=1), default=15, show_default=True, help="Show so many runs.")
@click.option("--rebuild", is_flag=True, help="Forget the database and read every evidence folder anew.")
@click.option("--json", "json_file", metavar="FILE", help="Write the history as JSON to FILE, - for stdout.")
def history(test: str | None, last: int, rebuild: bool, json_file: str | None) -> int:
    """Show outcomes, durations and gradients of TEST over time, whether it is flaky, and which time limit suits it.

    TEST is a node id or any part that fits one test. The history follows from the evidence folders of the project.
    """
    check_json_target(json_file)
    if test is None and not rebuild:
        raise UsageError("gradtriage history: name a test, as `gradtriage history tests/test_flow.py::test_flow`")
    store = connect(find_project(Path.cwd()))
    try:
        taken = store.rebuild() if rebuild else store.sync()
        if rebuild:
            say(f"{taken} runs read", err=True)
        if test is not None:
            _show(_test_history(store, test), last, json_file)
    finally:
        store.close()
    return 0


def _test_history(store: History, part: str) -> TestHistory:
    found = store.matching(part)
    if len(found) != 1:
        named = "; ".join(found[:_MOST_NAMED]) + (f" and {len(found) - _MOST_NAMED} more" * (len(found) > _MOST_NAMED))
        what = (
            f"fits {len(found)} tests: {named}; name one"
            if found
            else "is in no evidence of this project; run it first"
        )
        raise UsageError(f"{part}: {what}")
    return TestHistory(found[0], store.of_test(found[0]), store.gradients(found[0]))


def _show(found: TestHistory, last: int, json_file: str | None) -> None:
    say("\n".join(history_lines(found, last)), err=json_file == "-")
    if json_file is not None:
        json_to(json_file, to_json(history_document(found)))
