"""Records runs of tests as a baseline, each right before its body runs, in forked children."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gradtriage.plugin.bodies import body_of

if TYPE_CHECKING:
    from gradtriage.probe.explain.program import Program


class BaselineHooks:
    """Records every test's run and writes the baseline after each.

    Args:
        root: pytest's rootdir.
        tell: Writes an event.
        wanted: `path` of the baseline; `commit` and `dirty` of the tree; `apart_from`, a folder from which no code
            under test may be loaded.
    """

    def __init__(self, root: Path, tell: Callable[..., None], wanted: dict[str, Any]) -> None:
        self._root, self._tell, self._wanted = root, tell, wanted
        self._runs: list[dict[str, Any]] = []

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """The innermost wrapper: all is set up, nothing of the body has run."""
        if hasattr(os, "fork"):
            try:
                self._record(item)
            except Exception as error:  # noqa: BLE001 - the test runs as it would, whatever happened here
                self._tell(
                    "probe_error", place="baseline", nodeid=item.nodeid, error=f"{type(error).__name__}: {error}"
                )
        return (yield)

    def _record(self, item: pytest.Item) -> None:
        # imported here: torch comes with it
        from gradtriage.probe.explain.differential.baselines import baseline_document, recorded_run
        from gradtriage.probe.explain.replay.body import program_of

        self._runs.append({"nodeid": item.nodeid, **recorded_run(program_of(body_of(item), self._root), self._root)})
        document = baseline_document(self._runs, self._wanted, self._root)
        path = Path(self._wanted["path"])
        unfinished = path.with_name(f".{path.name}.new")
        unfinished.write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
        unfinished.replace(path)


class Held:
    """A baseline that tests are held against.

    Args:
        path: Of the document, which was checked before.
        against: What it is, in the user's words.
        root: pytest's rootdir.
    """

    def __init__(self, path: Path, against: str, root: Path) -> None:
        self._against, self._root = against, root
        self._document = json.loads(path.read_text(encoding="utf-8"))

    def compared(self, diagnosis: dict[str, Any], program: Program) -> dict[str, Any]:
        """The diagnosis of a test with the comparison in it."""
        from gradtriage.probe.explain.differential.baselines import held_against

        return held_against(diagnosis, self._document, self._against, program, self._root)
