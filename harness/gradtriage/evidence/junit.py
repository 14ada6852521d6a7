"""JUnit XML: read without trusting it, rebuilt from events when pytest could not write it."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import defusedxml
from defusedxml.ElementTree import iterparse
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from gradtriage.errors import DocumentError

REBUILT = "gradtriage.rebuilt"


@dataclass(frozen=True)
class JUnitCase:
    """One test case: name, outcome, seconds, and for a failure its message and text."""

    classname: str
    name: str
    outcome: str
    seconds: float
    message: str = ""
    text: str = ""


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
    """Reads a JUnit file case by case: memory stays flat, entities and external references are refused.

    Raises:
        DocumentError: The file is missing, cut off, no XML, or holds what a JUnit file never needs.
    """
    cases: list[JUnitCase] = []
    seconds, rebuilt = 0.0, None
    if path.is_symlink() or (path.exists() and not path.is_file()):  # opening a pipe would wait for ever
        raise DocumentError(f"{path.name}: is no regular file")
    try:
        for _, element in iterparse(path, events=("end",), forbid_dtd=True):
            if element.tag == "testcase":
                cases.append(_case(TestCase.fromelem(element)))  # type: ignore[no-untyped-call]
                element.clear()
            elif element.tag == "property" and element.get("name") == REBUILT:
                rebuilt = element.get("value")
            elif element.tag == "testsuite":
                seconds += _seconds(element.get("time"))
                element.clear()
    except FileNotFoundError:
        raise DocumentError(f"{path.name}: is missing") from None
    except OSError as error:
        raise DocumentError(f"{path.name}: {error.strerror or error}") from error
    except (ET.ParseError, LookupError) as error:  # the latter for an encoding that nobody knows
        raise DocumentError(f"{path.name}: not whole XML: {error}") from error
    except (defusedxml.DefusedXmlException, ValueError) as error:
        raise DocumentError(f"{path.name}: refused: {type(error).__name__} (a JUnit file needs no entities)") from error
    return JUnit(tuple(cases), round(seconds, 3), rebuilt)


def _case(case: TestCase) -> JUnitCase:
    outcome, message, text = "passed", "", ""
    for result in case.result:
        kind = "failed" if isinstance(result, Failure) else "error" if isinstance(result, Error) else "skipped"
        if kind != "skipped" or outcome == "passed":
            outcome, message, text = kind, result.message or "", result.text or ""
    return JUnitCase(case.classname or "", case.name or "", outcome, _seconds(case._elem.get("time")), message, text)  # noqa: SLF001 - junitparser raises on a time that is no number


def _seconds(text: str | None) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if 0 <= value < 1e9 else 0.0


def rebuild_junit(events: Iterable[dict[str, Any]], reason: str) -> str:
    """A JUnit file from the event stream, for a pytest that ended before it wrote its own.

    Every test that finished stands in it with its outcome; one that was in flight is an error that says so.

    Args:
        events: The run's events in order of time.
        reason: Why the file is rebuilt; stands as a property of the suite.
    """
    outcomes: dict[str, dict[str, Any]] = {}
    first = last = None
    for event in events:
        last = event["time"]
        first = last if first is None else first
        if event["event"] == "test_start":
            outcomes.setdefault(event["nodeid"], {"seconds": 0.0, "outcome": None, "message": ""})
        elif event["event"] == "phase" and event["nodeid"] in outcomes:
            _add_phase(outcomes[event["nodeid"]], event)
        elif event["event"] == "test_end" and event["nodeid"] in outcomes:
            outcomes[event["nodeid"]]["done"] = True
        elif event["event"] == "collect_error":
            outcomes[event["nodeid"]] = {
                "seconds": 0.0,
                "outcome": "error",
                "message": event.get("message", ""),
                "done": True,
            }
    suite = TestSuite("pytest")
    suite.add_property(REBUILT, xml_text(reason))
    suite.add_testcases([_rebuilt_case(nodeid, entry) for nodeid, entry in outcomes.items()])
    suite.time = round((last or 0) - (first or 0), 3)
    xml = JUnitXml("pytest tests")
    xml.add_testsuite(suite)
    # as bytes, since the declaration of a text would name the locale's encoding
    tree: ET.Element = xml._elem  # noqa: SLF001 - its own way to text is untyped
    text: bytes = ET.tostring(tree, encoding="utf-8", xml_declaration=True)
    return text.decode()


def _add_phase(entry: dict[str, Any], event: dict[str, Any]) -> None:
    entry["seconds"] += event.get("seconds") or 0.0
    if event["outcome"] == "failed":
        entry["outcome"] = "failed" if event["when"] == "call" else "error"
    elif event["outcome"] == "skipped" or entry["outcome"] is None:
        entry["outcome"] = event["outcome"]
    if event["outcome"] != "passed":
        entry["message"] = event.get("message") or ""


def _rebuilt_case(nodeid: str, entry: dict[str, Any]) -> TestCase:
    classname, name = junit_address(xml_text(nodeid))
    case = TestCase(name, classname, round(entry["seconds"], 3))
    message = xml_text(entry["message"])
    if not entry.get("done"):
        case.result = [Error("in flight: the process ended during this test", "in-flight")]
    elif entry["outcome"] == "failed":
        case.result = [Failure(message)]
    elif entry["outcome"] == "error":
        case.result = [Error(message)]
    elif entry["outcome"] == "skipped":
        case.result = [Skipped(message)]
    return case


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
    return "".join(
        c
        if c in "\t\n\r" or " " <= c < "\ud800" or "\ue000" <= c < "\ufffe" or c > "\uffff"
        else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )
