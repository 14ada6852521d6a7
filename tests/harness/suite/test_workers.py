"""xdist inside a chunk: a dead worker is not replaced, and workers that disagree give way to one process."""

import pytest

from tests.harness.suite.conftest import SuiteProject
from tests.support.accounts import account_faults, names


def test_workers_share_a_chunk(suite: SuiteProject) -> None:
    suite.write("import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_a(n): pass\n")
    done, document = suite.run("-n", "2", "--chunks", "1")
    assert (done.code, document["complete"], document["counts"]["passed"]) == (0, True, 20)
    assert account_faults(document) == []
    workers = {path.name for path in suite.sound().path.glob("chunks/1/events-gw*.jsonl")}
    assert workers == {"events-gw0.jsonl", "events-gw1.jsonl"}


def test_a_worker_that_dies_is_named_and_the_rest_goes_on(suite: SuiteProject) -> None:
    suite.write(
        "import os, pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_a(n):\n    if n == 5: os._exit(1)\n"
    )
    done, document = suite.run("-n", "2", "--chunks", "1", "--budget", "60s")
    assert done.code == 1
    assert account_faults(document) == []
    assert (document["counts"]["passed"], names(document["in_flight"]), document["missing"]) == (19, ["test_a[5]"], [])
    suite.sound()


@pytest.mark.parametrize("chunks", ["1", "2"])
def test_workers_that_collect_different_tests_give_way_to_one_process(suite: SuiteProject, chunks: str) -> None:
    suite.write(
        "import os, pytest\n"
        "numbers = [3, 1, 2, 0] if os.environ.get('PYTEST_XDIST_WORKER') == 'gw1' else [0, 1, 2, 3]\n"
        "@pytest.mark.parametrize('n', numbers)\ndef test_a(n): pass\n"
    )
    done, document = suite.run("-n", "2", "--chunks", chunks)
    assert account_faults(document) == []
    assert (done.code, document["complete"], document["counts"]["passed"]) == (0, True, 4), done.out
    suite.sound()
