"""JUnit XML, read without trusting it, and the names that tests have in it."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import defusedxml
from defusedxml.ElementTree import iterparse
from junitparser import Error, Failure, TestCase

from gradtriage.errors import DocumentError

REBUILT = "gradtriage.rebuilt"
# the type of the error that stands for a test during which its process ended
IN_FLIGHT = "in-flight"


@dataclass(frozen=True)
class JUnitCase:
    """One test case: name, outcome, seconds, and for a failure its message, text and type."""

    classname: str
    name: str
    outcome: str
    seconds: float
    message: str = ""
    text: str = ""
    type: str = ""


@dataclass(frozen=True)
class JUnit:
    """The counts of a JUnit file, taken from its test cases (not from its attributes).

    Attributes:
        rebuilt: Why the file was made from the events, if it was not written by pytest.
    """

    cases: tuple[JUnitCase, ...] = ()
    seconds: float = 0.0
    rebuilt: str | None = None
    tests: int = field(init=False)
    failures: int = field(init=False)
    errors: int = field(init=False)
    skipped: int = field(init=False)

    def __post_init__(self) -> None:
        outcomes = [case.outcome for case in self.cases]
        object.__setattr__(self, "tests", len(outcomes))
        for name, outcome in (("failures", "failed"), ("errors", "error"), ("skipped", "skipped")):
            object.__setattr__(self, name, outcomes.count(outcome))

    @property
    def broken(self) -> tuple[JUnitCase, ...]:
        """The cases that failed or erred."""
        return tuple(case for case in self.cases if case.outcome in ("failed", "error"))


def read_junit(path: Path) -> JUnit:
    """Reads a JUnit file whole; errors as `iter_junit`."""
    cases: list[JUnitCase] = []
    seconds, rebuilt = 0.0, None
    for part in _iter_parts(path):
        if isinstance(part, JUnitCase):
            cases.append(part)
        elif isinstance(part, float):
            seconds += part
        else:
            rebuilt = part
    return JUnit(tuple(cases), round(seconds, 3), rebuilt)


def iter_junit(path: Path) -> Iterator[JUnitCase]:
    """Reads a JUnit file case by case: memory stays flat, entities and external references are refused.

    Raises:
        DocumentError: The file is missing, cut off, no XML, or holds what a JUnit file never needs.
    """
    return (part for part in _iter_parts(path) if isinstance(part, JUnitCase))


def _iter_parts(path: Path) -> Iterator[JUnitCase | float | str | None]:
    """The test cases, the seconds of each suite, and why the file was rebuilt."""
    if path.is_symlink() or (path.exists() and not path.is_file()):  # opening a pipe would wait for ever
        raise DocumentError(f"{path.name}: is no regular file")
    parents: list[ET.Element] = []
    try:
        for event, element in iterparse(path, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                parents.append(element)
                continue
            parents.pop()
            if element.tag == "testcase":
                yield _case(TestCase.fromelem(element))  # type: ignore[no-untyped-call]
                element.clear()
                if parents:
                    parents[-1].remove(element)
            elif element.tag == "property" and element.get("name") == REBUILT:
                yield element.get("value")
            elif element.tag == "testsuite":
                yield _seconds(element.get("time"))
    except FileNotFoundError:
        raise DocumentError(f"{path.name}: is missing") from None
    except OSError as error:
        raise DocumentError(f"{path.name}: {error.strerror or error}") from error
    except (ET.ParseError, LookupError) as error:  # the latter for an encoding that nobody knows
        raise DocumentError(f"{path.name}: not whole XML: {error}") from error
    except (defusedxml.DefusedXmlException, ValueError) as error:
        raise DocumentError(f"{path.name}: refused: {type(error).__name__} (a JUnit file needs no entities)") from error


def _case(case: TestCase) -> JUnitCase:
    outcome, message, text, kind_of = "passed", "", "", ""
    for result in case.result:
        kind = "failed" if isinstance(result, Failure) else "error" if isinstance(result, Error) else "skipped"
        if kind != "skipped" or outcome == "passed":
            outcome, message, text, kind_of = kind, result.message or "", result.text or "", result.type or ""
    seconds = _seconds(case._elem.get("time"))  # noqa: SLF001 - junitparser raises on a time that is no number
    return JUnitCase(case.classname or "", case.name or "", outcome, seconds, message, text, kind_of)


def _seconds(text: str | None) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if 0 <= value < 1e9 else 0.0


def junit_address(nodeid: str) -> tuple[str, str]:
    """Class name and name under which pytest's JUnit file has a test; its parameters may hold `::` themselves."""
    path, bracket, parameters = nodeid.partition("[")
    file, *classes = path.split("::")
    module = file.removesuffix(".py").replace("/", ".")
    if not classes:
        return "", module + bracket + parameters
    return ".".join([module, *classes[:-1]]), classes[-1] + bracket + parameters


def xml_text(text: str) -> str:
    """Without the control characters that XML 1.0 cannot hold."""
    if text.isprintable():
        return text
    return "".join(
        c
        if c in "\t\n\r" or " " <= c < "\ud800" or "\ue000" <= c < "\ufffe" or c > "\uffff"
        else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )
