"""JUnit XML from the event stream: for a suite, and for a pytest that ended before it wrote its own."""

from collections.abc import Iterable, Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from gradtriage.evidence.junit import IN_FLIGHT, REBUILT, JUnitCase, junit_address, xml_text

_TAGS = {"failed": "failure", "error": "error", "skipped": "skipped"}


def junit_lines(cases: Iterable[JUnitCase], seconds: float, rebuilt: str | None = None) -> Iterator[str]:
    """The lines of a JUnit file.

    Args:
        cases: Its test cases.
        seconds: What the whole took.
        rebuilt: Why the file is not pytest's own; stands as a property of the suite.
    """
    cases = list(cases)
    outcomes = [case.outcome for case in cases]
    counts = {"failures": "failed", "errors": "error", "skipped": "skipped"}
    attributes = "".join(f' {name}="{outcomes.count(outcome)}"' for name, outcome in counts.items())
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    yield f'<testsuites name="pytest tests"><testsuite name="pytest" tests="{len(cases)}"{attributes}'
    yield f' time="{seconds:.3f}">\n'
    if rebuilt is not None:
        yield f"<properties><property name={quoteattr(REBUILT)} value={_attribute(rebuilt)}/></properties>\n"
    for case in cases:
        yield _case_line(case)
    yield "</testsuite></testsuites>\n"


def _case_line(case: JUnitCase) -> str:
    name, classname = _attribute(case.name), _attribute(case.classname)
    head = f'<testcase classname={classname} name={name} time="{case.seconds:.3f}"'
    tag = _TAGS.get(case.outcome)
    if tag is None:
        return head + "/>\n"
    kind = f" type={_attribute(case.type)}" if case.type else ""
    text = escape(xml_text(case.text))
    return f"{head}><{tag}{kind} message={_attribute(case.message)}>{text}</{tag}></testcase>\n"


def _attribute(text: str) -> str:
    return quoteattr(xml_text(text), {"\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})


def rebuild_junit(events: Iterable[dict[str, Any]], reason: str) -> str:
    """A JUnit file from the event stream, for a pytest that ended before it wrote its own.

    Every test that finished stands in it with its outcome; one that was in flight is an error that says so.

    Args:
        events: The run's events in order of time.
        reason: Why the file is rebuilt.
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
            message = event.get("message", "")
            outcomes[event["nodeid"]] = {"seconds": 0.0, "outcome": "error", "message": message, "done": True}
    cases = [_rebuilt_case(nodeid, entry) for nodeid, entry in outcomes.items()]
    return "".join(junit_lines(cases, (last or 0) - (first or 0), reason))


def _add_phase(entry: dict[str, Any], event: dict[str, Any]) -> None:
    entry["seconds"] += event.get("seconds") or 0.0
    if event["outcome"] == "failed":
        entry["outcome"] = "failed" if event["when"] == "call" else "error"
    elif event["outcome"] == "skipped" or entry["outcome"] is None:
        entry["outcome"] = event["outcome"]
    if event["outcome"] != "passed":
        entry["message"] = event.get("message") or ""


def _rebuilt_case(nodeid: str, entry: dict[str, Any]) -> JUnitCase:
    classname, name = junit_address(nodeid)
    if not entry.get("done"):
        message = "in flight: the process ended during this test"
        return JUnitCase(classname, name, "error", entry["seconds"], message, type=IN_FLIGHT)
    outcome, message = entry["outcome"] or "passed", entry["message"] if entry["outcome"] != "passed" else ""
    return JUnitCase(classname, name, outcome, entry["seconds"], message)
