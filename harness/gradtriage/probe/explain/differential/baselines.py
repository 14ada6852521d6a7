"""Runs recorded as the document `gradtriage.baseline/1`, and diagnoses held against one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gradtriage import __version__
from gradtriage.probe.explain.differential.comparison import RunComparison
from gradtriage.probe.explain.differential.departures import add_differential, not_compared
from gradtriage.probe.explain.differential.differential import differential
from gradtriage.probe.explain.differential.rerun import Reruns
from gradtriage.probe.explain.differential.stored import from_data, to_data
from gradtriage.probe.explain.differential.texts import Texts, loaded_files, texts_of
from gradtriage.probe.explain.replay.children import ChildFailedError
from gradtriage.probe.explain.replay.replays import BodyFailedError

if TYPE_CHECKING:
    from gradtriage.probe.explain.program import Program

SCHEMA = "gradtriage.baseline/1"


def recorded_run(program: Program, root: Path) -> dict[str, Any]:
    """A body's run as data; what cannot be recorded, or is another each time, gives `problem` alone.

    Args:
        program: The body.
        root: Folder that places are named relative to.
    """
    reruns = Reruns(program, root)
    try:
        first, second = reruns.recording(), reruns.recording()
    except (BodyFailedError, ChildFailedError) as error:
        return {"problem": f"the test does not come to a gradient computation: {error}"}
    if not all(RunComparison(first, second, call.number).same for call in first.calls):
        return {"problem": "two runs of the test from the same state differ"}
    return to_data(first)


def baseline_document(runs: Sequence[dict[str, Any]], wanted: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The document of several tests' runs.

    Args:
        runs: Each with its `nodeid`.
        wanted: `commit` and `dirty` of the tree; `apart_from`, a folder whose code should not have been loaded.
        root: Folder that places are named relative to.
    """
    files, apart = loaded_files(root), wanted.get("apart_from")
    return {
        "schema": SCHEMA,
        "tool_version": __version__,
        "torch": torch.__version__,
        "commit": wanted.get("commit"),
        "dirty": wanted.get("dirty"),
        "files": texts_of(files),
        "elsewhere": sorted(file for file in files.values() if apart and file.startswith(apart + os.sep)),
        "tests": list(runs),
    }


def held_against(
    diagnosis: dict[str, Any], baseline: Mapping[str, Any], against: str, program: Program, root: Path
) -> dict[str, Any]:
    """A test's diagnosis with the comparison of its run in it.

    Args:
        diagnosis: The document so far.
        baseline: The document of the known-good runs, which was checked before.
        against: What that is, in the user's words.
        program: The test's body.
        root: Folder that places are named relative to.
    """
    run = next((run for run in baseline["tests"] if run["nodeid"] == diagnosis["nodeid"]), None)
    if run is None or run.get("problem"):
        return not_compared(diagnosis, against, run["problem"] if run else "it holds no run of this test")
    if diagnosis["verdict"] == "nondeterministic":
        return not_compared(diagnosis, against, "two runs of today from the same state differ")
    try:
        found = differential(from_data(run), Reruns(program, root))
    except (BodyFailedError, ChildFailedError, ValueError) as error:
        return not_compared(diagnosis, against, str(error))
    files = loaded_files(root)
    return add_differential(diagnosis, found, against, Texts(baseline["files"], texts_of(files), files), root)
