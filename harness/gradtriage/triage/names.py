"""Tests by the names that a suite and a JUnit file share."""

from collections.abc import Iterable

from gradtriage.evidence.junit import junit_address


def names(tests: Iterable[str]) -> set[str]:
    """Tests by those names."""
    return {one_name(test) for test in tests}


def one_name(test: str) -> str:
    """A node id as a JUnit file has it, `classname::name`; a name from there stays."""
    path = test.partition("[")[0].partition("::")[0]
    if not path.endswith(".py"):
        return test
    classname, name = junit_address(test)
    return f"{classname}::{name}" if classname else name
