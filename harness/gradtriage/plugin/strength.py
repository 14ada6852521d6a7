"""Replays tests with their gradients corrupted: what does each check notice?"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gradtriage.probe.explain.children import Reply

SECONDS = 120.0


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

    def _replay(self, item: pytest.Item, places: list[tuple[str, str, int]]) -> None:
        # imported here: torch comes with it
        from gradtriage.probe.corruption import passes_with
        from gradtriage.probe.explain.children import run_child

        def work(place: tuple[str, str, int] | None, corruption: str, reply: Reply) -> None:
            reply.send(passes_with(item.runtest, self._root, place, corruption))

        unchanged, _ = run_child(functools.partial(work, None, "noise"), SECONDS)
        for place in places:
            for corruption in self._corruptions:
                passed, count = run_child(functools.partial(work, place, corruption), SECONDS)
                known = unchanged and count > 0
                self._tell(
                    "replay",
                    nodeid=item.nodeid,
                    kind=place[0],
                    where={"file": place[1], "line": place[2]},
                    corruption=corruption,
                    noticed=not passed if known else None,
                )
