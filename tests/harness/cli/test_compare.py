"""Two runs: what got worse, what got better, and nothing that is only noise."""

import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gradtriage.model.schemas import schemas
from tests.support.capture import SNAPSHOT, entry, one_test, record, sealed, session, zero
from tests.support.repositories import Repository

A, B = "tests/test_it.py::test_a", "tests/test_it.py::test_b"
EPSILON = 2.0**-52


def run(folder: Path, *records: dict[str, Any], tests: dict[str, str] | None = None, **how: Any) -> Path:
    """A run of tests with outcomes, and the gradients that they computed."""
    tests = {A: "passed"} if tests is None else tests
    events = [{"event": "collected", "nodeids": how.pop("collected", list(tests))}]
    for nodeid, outcome in tests.items():
        events += one_test(nodeid, outcome)
    events += [{"event": "gradient", **one} for one in records]
    whole = session(*events)
    for event in whole:
        if "snapshot" in event:
            event["snapshot"] = {**SNAPSHOT, **how.get("snapshot", {}), "pins": {}}
    asked = {name: how[name] for name in ("commit", "dirty") if name in how}
    return sealed(folder, events=whole, **asked)


@pytest.fixture
def compared(command, tmp_path: Path):
    """Compares two runs and gives the changes as `kind parameter`."""

    def compare(old: Path, new: Path, *args: str) -> dict[str, Any]:
        done = command("compare", old, new, "--json", tmp_path / "c.json", *args)
        told = json.loads((tmp_path / "c.json").read_text())
        jsonschema.validate(told, schemas()["comparison"])
        assert done.code == int(bool(told["worse"]))
        names = {
            side: [f"{c['kind']} {c['parameter'] or ''}".strip() for c in told[side]] for side in ("worse", "better")
        }
        return {**told, **names, "out": done.out}

    return compare


def gradients(**entries: dict[str, Any]) -> dict[str, Any]:
    """A computation with these gradients, beside one of size 1 that stays."""
    return record({"still": entry(value=1.0), **entries})


OK = entry(value=0.5)
GRADIENTS = {
    "the-same": (OK, OK, [], []),
    "vanished": (OK, entry("none"), ["vanished w"], []),
    "zeroed": (OK, zero(), ["zeroed w"], []),
    "zeroed-to-rounding": (OK, entry(value=1e-17), ["zeroed w"], []),
    "nan": (OK, entry("nan"), ["not-finite w"], []),
    "inf-of-zero": (zero(), entry("inf"), ["not-finite w"], []),
    "sign": (OK, entry(value=-0.5), ["sign-flipped w"], []),
    "drift": (OK, entry(value=0.5 * (1 + 1e-7)), ["drifted w"], []),
    "rounding": (OK, entry(value=0.5 * (1 + 1e-12)), [], []),
    "noise-to-noise": (entry(value=1e-17), entry(value=-9e-18), [], []),
    "single-precision": (entry(value=0.5, dtype="float32"), entry(value=0.5 * (1 + 1e-5), dtype="float32"), [], []),
    "half-precision": (entry(value=0.5, dtype="bfloat16"), entry(value=0.52, dtype="bfloat16"), [], []),
    "revived": (zero(), OK, [], ["revived w"]),
    "found": (entry("none"), OK, [], ["revived w"]),
    "norm": (entry(value=None, norm=3.0, max_abs=2.0, numel=4), entry(value=None, norm=3.1, max_abs=2.0, numel=4),
             ["drifted w"], []),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "worse", "better"), GRADIENTS.values(), ids=list(GRADIENTS))
def test_a_change_of_a_gradient_is_named_for_what_it_is(compared, tmp_path, before, after, worse, better) -> None:
    found = compared(run(tmp_path / "a", gradients(w=before)), run(tmp_path / "b", gradients(w=after)))
    assert (found["worse"], found["better"]) == (worse, better)


def test_a_gradient_that_is_not_computed_any_more_is_coverage_lost_and_one_more_is_gained(compared, tmp_path) -> None:
    old, new = run(tmp_path / "a", gradients(w=OK)), run(tmp_path / "b", gradients(v=OK))
    found = compared(old, new)
    assert (found["worse"], found["better"]) == (["coverage-lost w"], ["coverage-gained v"])
    assert compared(old, run(tmp_path / "c"))["worse"] == ["coverage-lost still", "coverage-lost w"]


def test_a_check_that_compares_zero_with_zero_now_proves_nothing_any_more(compared, tmp_path) -> None:
    sound = record({"x": entry(value=0.5, numeric=0.5)}, kind="gradcheck")
    empty = record({"x": zero(numeric=0.0)}, kind="gradcheck")
    found = compared(run(tmp_path / "a", sound), run(tmp_path / "b", empty))
    assert found["worse"] == ["zeroed x", "vacuous"]
    assert compared(run(tmp_path / "c", empty), run(tmp_path / "d", sound))["better"] == ["revived x", "proves"]


def test_collection_and_counts_come_before_outcomes_and_gradients(compared, tmp_path) -> None:
    old = run(tmp_path / "a", gradients(w=OK), tests={A: "passed", B: "passed", "c": "failed", "s": "passed"})
    tests = {A: "failed", "c": "passed", "n": "passed", "s": "skipped"}
    new = run(tmp_path / "b", gradients(w=zero()), tests=tests, collected=[A, "c", "n", "s"])
    found = compared(old, new)
    assert found["worse"] == ["removed", "broke", "skipped", "zeroed w"]
    assert found["better"] == ["added", "mended"]
    assert [found[side]["collected"] for side in ("old", "new")] == [4, 4]
    lines = found["out"].splitlines()
    assert lines[1] == "  collected 4; ran 4"
    assert lines[2] == "  passed 3 -> 2 (-1); failed 1; skipped 0 -> 1 (+1)"
    assert lines[4] == "worse: 4"


def test_of_a_test_that_broke_its_missing_gradients_are_not_counted_too(compared, tmp_path) -> None:
    found = compared(run(tmp_path / "a", gradients(w=OK)), run(tmp_path / "b", tests={A: "failed"}))
    assert found["worse"] == ["broke"]


def test_a_test_that_was_collected_and_not_run_is_named(compared, tmp_path) -> None:
    old = run(tmp_path / "a", tests={A: "passed", B: "passed"})
    assert compared(old, run(tmp_path / "b", tests={A: "passed"}, collected=[A, B]))["worse"] == ["not-run"]


def test_a_gradient_may_drift_as_far_as_it_scatters_on_one_commit(compared, tmp_path) -> None:
    commit = {"commit": "a" * 40, "dirty": False}
    old = run(tmp_path / "r", gradients(w=entry(value=1.0)), **commit)
    new = run(tmp_path / "n", gradients(w=entry(value=1.002)))
    assert compared(old, new)["worse"] == ["drifted w"]
    run(tmp_path / "r", gradients(w=entry(value=1.001)), **commit)
    assert compared(old, new)["worse"] == []
    assert compared(old, run(tmp_path / "m", gradients(w=entry(value=1.01))))["worse"] == ["drifted w"]


def test_the_tolerance_can_be_given(compared, tmp_path) -> None:
    old, new = run(tmp_path / "a", gradients(w=OK)), run(tmp_path / "b", gradients(w=entry(value=0.55)))
    assert compared(old, new, "--tolerance", "0.2")["worse"] == []
    assert compared(old, run(tmp_path / "c", gradients(w=entry(value=math.nextafter(0.5, 1)))), "--tolerance", "0")[
        "worse"
    ] == ["drifted w"]


def test_across_environments_only_when_asked_and_with_the_difference_shown(command, tmp_path: Path) -> None:
    old, new = run(tmp_path / "a"), run(tmp_path / "b", snapshot={"python": "3.14.0"})
    refused = command("compare", old, new)
    assert refused.code == 2
    assert refused.err == (
        "gradtriage: the environments differ (python: 3.11.7 -> 3.14.0); give --across to compare all the same\n"
    )
    allowed = command("compare", old, new, "--across")
    assert allowed.code == 0
    assert "  ! python: 3.11.7 -> 3.14.0\n" in allowed.out


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_what_is_neither_evidence_nor_a_revision_is_one_line(command, tmp_path: Path, name: str) -> None:
    done = command("compare", name, name)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "give <reports>/.../<STAMP>" in done.err


def test_two_revisions_are_compared_by_their_latest_evidence(command, tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.begin()
    commits = [repository.commit(f"Commit {n}", {"note": str(n), "gradtriage.toml": ""}) for n in range(2)]
    run(tmp_path / "reports", gradients(w=zero()), commit=commits[0], dirty=False)
    run(tmp_path / "reports", gradients(w=OK), commit=commits[0], dirty=False)
    run(tmp_path / "reports", gradients(w=zero()), commit=commits[1], dirty=False)
    run(tmp_path / "reports", gradients(w=OK), commit=commits[1], dirty=True)
    done = command("compare", "HEAD~1", "main")
    assert done.code == 1
    assert "[w]: gradient is zero now, 0.5 -> 0" in done.out
    assert command("compare", "main", "HEAD~1").code == 0
    repository.commit("Without evidence", {"note": "2"})
    none = command("compare", "HEAD~1", "HEAD")
    assert none.code == 2
    assert "HEAD: no complete evidence of commit" in none.err
