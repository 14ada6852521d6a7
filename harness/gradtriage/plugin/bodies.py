"""The body of a collected test, to be run by itself, and with its fixtures made anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


def body_of(item: pytest.Item) -> Callable[[], None]:
    """Runs the test and raises what it raises; `unittest` keeps that to itself and hands it to the report."""

    def body() -> None:
        item.runtest()
        kept = getattr(item, "_excinfo", None)
        if kept:
            raise kept[0].value

    return body


def body_with_fixtures_of(item: pytest.Item) -> Callable[[], None] | None:
    """Makes the project's own fixtures anew, and runs the test with them: what they do happens within the body.

    Only for a process that ends after it: neither the fixtures that there are nor these are ever torn down.

    Returns:
        None where the test has no such fixtures.
    """
    request: Any = getattr(item, "_request", None)
    if request is None or not hasattr(item, "_initrequest") or not any(_own_fixtures(item)):
        return None

    def body() -> None:
        # pytest has no public way to do this
        for fixture in _own_fixtures(item):
            fixture.cached_result = None
            fixture._finalizers.clear()  # noqa: SLF001
        again: Any = item
        again._initrequest()  # noqa: SLF001
        again._request._fillfixtures()  # noqa: SLF001
        body_of(item)()

    return body


def temporary_folders_of(item: pytest.Item) -> list[Path]:
    """The folders that pytest made for the test, and that it was handed."""
    factory: Any = getattr(item.config, "_tmp_path_factory", None)
    values = list(getattr(item, "funcargs", {}).values())
    paths = [Path(value) for value in values if isinstance(value, os.PathLike)]
    base = getattr(factory, "_basetemp", None)
    return [path for path in dict.fromkeys(paths) if base is not None and path.is_dir() and base in path.parents]


def _own_fixtures(item: pytest.Item) -> Iterator[Any]:
    """The definitions of the test's fixtures that are not pytest's."""
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    for fixture in (one for definitions in known.values() for one in definitions):
        # `setup_method` and its like are fixtures that pytest makes, of the project's code
        if not fixture.func.__module__.startswith(("_pytest", "pytest")) or "xunit_setup" in fixture.argname:
            yield fixture
