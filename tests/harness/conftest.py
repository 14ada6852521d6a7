"""What the harness's tests share: a small project, and one that the tests of a module share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.projects import SmallProject


@pytest.fixture
def project(tmp_path: Path) -> Iterator[SmallProject]:
    made = SmallProject(tmp_path / "project")
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], SmallProject]]:
    """Makes projects that live as long as the module's tests."""
    made: list[SmallProject] = []

    def make(name: str) -> SmallProject:
        made.append(SmallProject(tmp_path_factory.mktemp(name) / "project"))
        return made[-1]

    yield make
    for project in made:
        project.close()
