"""What the harness's tests share: a small project, and one that the tests of a module share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.projects import SmallProject


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    return SmallProject(tmp_path / "project")


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], SmallProject]:
    """Makes projects that live as long as the module's tests."""
    return lambda name: SmallProject(tmp_path_factory.mktemp(name) / "project")
