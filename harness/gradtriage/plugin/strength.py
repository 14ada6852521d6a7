"""Replays tests with their gradients corrupted: what does each check notice?"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

# a corrupted test gets this much longer than the unchanged one, and some seconds more
PATIENCE, SECONDS = 10.0, 20.0
LONGEST = 600.0

Place = tuple[str, str, int]
# passing with one of these by chance is no answer yet
FURTHER = {"noise": "other noise"}
FAILS_ALONE = "the test does not pass when it is replayed"
NO_CALL = "the replay does not come to this call, or gets no gradient there"


class StrengthHooks:
    """Replays each selected test once for each of its places and corruptions, before its ordinary run.

    Args:
        root: pytest's rootdir.
        tell: Writes an event.
        places: For each test the places of its gradient calls: kind, file, line.
        corruptions: What to do to the gradients.
    """

    def __init__(
        self, root: Path, tell: Callable[..., None], places: dict[str, list[list[Any]]], corruptions: list[str]
    ) -> None:
        self._root, self._tell, self._places, self._corruptions = root, tell, places, corruptions

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leaves the tests that are to be replayed, of whatever the same arguments select."""
        others = [item for item in items if item.nodeid not in self._places]
        if others:
            config.hook.pytest_deselected(items=others)
            items[:] = [item for item in items if item.nodeid in self._places]

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """The innermost wrapper: all is set up, nothing of the body has run."""
        places = self._places.get(item.nodeid)
        if places and hasattr(os, "fork"):
            try:
                self._replay(item, [(str(kind), str(file), int(line)) for kind, file, line in places])
            except Exception as error:  # noqa: BLE001 - the test runs as it would, whatever happened here
                self._tell(
                    "probe_error", place="strength", nodeid=item.nodeid, error=f"{type(error).__name__}: {error}"
                )
        return (yield)

    def _replay(self, item: pytest.Item, places: list[Place]) -> None:
        started = time.monotonic()
        passed, _ = self._run(item, None, "noise", LONGEST)
        seconds = min(LONGEST, SECONDS + PATIENCE * (time.monotonic() - started))
        for place in places:
            for corruption in self._corruptions:
                found, count = self._run(item, place, corruption, seconds) if passed else (None, 0)
                if found and corruption in FURTHER:
                    found, count = self._run(item, place, FURTHER[corruption], seconds)
                known = passed and (count > 0 or found is None)
                self._tell(
                    "replay",
                    nodeid=item.nodeid,
                    kind=place[0],
                    where={"file": place[1], "line": place[2]},
                    corruption=corruption,
                    noticed=not found if known else None,
                    why="" if known else NO_CALL if passed else FAILS_ALONE,
                )

    def _run(self, item: pytest.Item, place: Place | None, corruption: str, seconds: float) -> tuple[bool | None, int]:
        """Whether the test passes with the gradients of a place corrupted, and how many were.

        None: the process ended, or did not come to an end in time. A test that hangs or crashes notices.
        """
        # imported here: torch comes with it
        from gradtriage.probe.corruption import passes_with
        from gradtriage.probe.explain.replay.children import ChildFailedError, Failure, Reply, run_child

        def work(reply: Reply) -> None:
            reply.send(passes_with(functools.partial(_body, item), self._root, place, corruption))

        try:
            answer = run_child(work, seconds)
        except ChildFailedError:
            return None, 0
        return (None, 0) if isinstance(answer, Failure) else answer


class UnittestFailedError(Exception):
    """A test of a `unittest.TestCase` failed: it hands its failures to pytest and raises nothing."""


def _body(item: pytest.Item) -> None:
    """Runs a test's body; raises if it fails."""
    item.runtest()
    if getattr(item, "_excinfo", None):
        raise UnittestFailedError
