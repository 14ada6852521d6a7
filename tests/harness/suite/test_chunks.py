"""Chunks: one collection each at most, balanced, within their time, in any executor."""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from gradtriage.model.settings import find_project
from gradtriage.suite.runner import run_suite
from gradtriage.suite.task import suite_task
from tests.harness.suite.conftest import SuiteProject
from tests.support.accounts import account_faults, names

COUNTING = """
import os
open("collections", "a").write(f"{os.getpid()}\\n")
"""
MANY = COUNTING + "import pytest\n@pytest.mark.parametrize('n', range(30))\ndef test_a(n):\n    RECORD\n"
RECORD = "open('ran', 'a').write(f'{os.getpid()} {n}\\n')"


def lines(suite: SuiteProject, name: str) -> list[str]:
    return (suite.small.root / name).read_text().splitlines()


def test_one_chunk_collects_once_and_runs_in_the_process_that_collected(suite: SuiteProject) -> None:
    suite.write(MANY.replace("RECORD", RECORD))
    done, document = suite.run("--chunks", "1")
    assert (done.code, document["complete"], document["counts"]["passed"]) == (0, True, 30)
    (collector,) = lines(suite, "collections")
    assert {line.split()[0] for line in lines(suite, "ran")} == {collector}
    assert suite.sound().status == "complete"


def test_so_many_chunks_collect_so_many_times_and_run_each_test_once(suite: SuiteProject) -> None:
    suite.write(MANY.replace("RECORD", RECORD))
    done, document = suite.run("--chunks", "3")
    assert (done.code, document["complete"]) == (0, True)
    assert account_faults(document) == []
    assert len(set(lines(suite, "collections"))) == 3
    assert sorted(int(line.split()[1]) for line in lines(suite, "ran")) == list(range(30))
    assert [len(chunk["nodeids"]) for chunk in document["chunks"]] == [10, 10, 10]
    events = map(json.loads, suite.sound().text("chunks/2/events.jsonl").splitlines())
    (start,) = [event for event in events if event["event"] == "session_start"]
    assert not any("::" in argument for argument in start["args"])  # selected inside, not on the command line


def test_chunks_are_balanced_by_what_was_recorded(suite: SuiteProject) -> None:
    suite.write(
        "import pytest, time\n@pytest.mark.parametrize('n', range(8))\n"
        "def test_a(n): time.sleep(0.9 if n == 0 else 0.01)\n"
    )
    suite.run("--chunks", "1")
    _, document = suite.run("--chunks", "2", "--force")
    sizes = {len(chunk["nodeids"]) for chunk in document["chunks"]}
    assert sizes == {1, 7}  # the long one alone


def test_stopping_at_the_first_failure_is_not_for_suites(suite: SuiteProject) -> None:
    suite.write("def test_a(): assert 0\ndef test_b(): pass\n")
    _, document = suite.run("-x", "--chunks", "1")
    assert (document["counts"]["failed"], document["counts"]["passed"]) == (1, 1)


def test_another_executor_can_run_the_chunks(suite: SuiteProject) -> None:
    suite.write(
        "import os, pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_a(n): pass\n"
        "def test_dies(): os._exit(7)\n"
    )
    wanted = suite_task(find_project(suite.small.root), (), budget=60.0, chunks=3)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        outcome = run_suite(wanted, executor=executor, width=2)
    document = json.loads((outcome.folder / "suite.json").read_text())
    assert account_faults(document) == []
    assert (document["counts"]["passed"], names(document["in_flight"])) == (6, ["test_dies"])
    suite.sound()
