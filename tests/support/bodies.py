"""Test bodies with gradient calls of their own, examined as `gradtriage explain` examines a test."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradtriage.probe import patches
from gradtriage.probe.explain.account.document import diagnosis_document
from gradtriage.probe.explain.examination.examine import examine
from gradtriage.probe.explain.program import Observer
from gradtriage.probe.explain.replay.body import program_of
from tests.support.explained import MARK


def diagnosis_of(body: Callable[[], object]) -> dict[str, Any]:
    """The diagnosis of a body, as a document with file names as they are."""

    def run(observer: Observer) -> None:
        patches.apply()  # in the child only
        program_of(body, Path("/"))(observer)

    diagnosis = examine(run)
    return diagnosis_document(diagnosis, body.__name__, "passed", Path("/nowhere"))


def marked_line(body: object, mark: str = "here") -> int:
    """The line of a mark in the source of a body."""
    lines, start = inspect.getsourcelines(body)
    return next(start + offset for offset, line in enumerate(lines) if line.rstrip().endswith(MARK + mark))


def parametrised(bodies: list[Callable[[], object]]) -> Any:
    """A parameter `body` for each of the bodies, called by its name."""
    return pytest.mark.parametrize("body", bodies, ids=[body.__name__ for body in bodies])
