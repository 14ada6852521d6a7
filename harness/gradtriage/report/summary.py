"""`summary.md`: the page a person reads, every figure of it read from the files beside it."""

import re
import shlex
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment as Jinja
from jinja2 import PackageLoader, StrictUndefined, Template

from gradtriage.evidence.junit import junit_address
from gradtriage.evidence.stamp import moment
from gradtriage.model.documents import Criteria
from gradtriage.report import markdown
from gradtriage.report.comparison import comparison_lines, compilation_lines, stood
from gradtriage.report.story import proof_sentence
from gradtriage.report.suite import count_line, place_of
from gradtriage.triage.captured import Captured
from gradtriage.triage.figures import figures, lasting_pin_changes
from gradtriage.triage.findings import Finding, findings
from gradtriage.triage.hypotheses import probe_hypotheses
from gradtriage.triage.judgement import Judgement
from gradtriage.triage.wording import VERDICTS

MOST_GRADIENTS = 60
MOST_FAILURES = 20


def render_summary(captured: Captured, judgement: Judgement, criteria: Criteria) -> str:
    """The page as Markdown.

    Args:
        captured: The files of the run.
        judgement: Status and faults that follow from them.
        criteria: The evaluated exit criteria.
    """
    found = findings(captured)
    page = _template().render(
        task=captured.task,
        ending=captured.ending,
        environment=captured.environment,
        status=judgement.status,
        faults=judgement.faults,
        criteria=criteria.criteria,
        hypotheses=_hypotheses(captured),
        refuted=_refuted(captured),
        finding=found[0],
        findings=found,
        next_steps=next_steps(captured, criteria, found),
        results=_results(captured),
        gradients=_gradient_rows(captured),
        gradients_left_out=max(0, len(captured.named) - MOST_GRADIENTS),
        date=_date(captured),
        seen={"start": captured.saw_start, "end": captured.saw_end},
        diagnosis=captured.diagnosis,
        suite=captured.suite,
        counts=count_line(captured.suite) if captured.suite else "",
        pin_changes=lasting_pin_changes(captured),
        artifacts=_artifacts(captured),
    )
    return re.sub(r"\n{3,}", "\n\n", page).rstrip() + "\n"


def count_sections(page: str) -> int:
    """Number of the page's sections: headings of the second level outside code blocks."""
    outside, fence = [], ""
    for line in page.splitlines():
        ticks = re.match(r"`{3,}", line)
        if ticks and (not fence or line.strip() == fence):
            fence = "" if fence else ticks[0]
        elif not fence:
            outside.append(line)
    return sum(line.startswith("## ") for line in outside)


def prepare() -> None:
    """Reads the template, which later pages then find read."""
    _template()


@cache
def _template() -> Template:
    jinja = Jinja(
        loader=PackageLoader("gradtriage.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - the page is Markdown; foreign text goes through the filters below
    )
    names = ("inline_code", "cell", "code_block", "plain", "number", "seconds", "reading", "link")
    jinja.filters.update({name: getattr(markdown, name) for name in names})
    jinja.filters |= {
        "proof": proof_sentence,
        "comparison": comparison_lines,
        "compilation": compilation_lines,
        "stood": stood,
        "place": place_of,
    }
    jinja.globals["verdicts"] = VERDICTS
    return jinja.get_template("summary.md.j2")


def _hypotheses(captured: Captured) -> list[dict[str, Any]]:
    """The plan's hypotheses with their probes, then the usual ones that the diagnosis tested and did not refute."""
    diagnosed = captured.diagnosis.hypotheses if captured.diagnosis else ()
    planned = [
        {
            "name": hypothesis.id,
            "status": hypothesis.status,
            "statement": hypothesis.statement,
            "check": hypothesis.check,
            "measured": hypothesis.measured,
            "evidence": hypothesis.evidence,
        }
        for hypothesis in probe_hypotheses(captured.task.hypotheses, figures(captured, 0), diagnosed)
    ]
    usual = [
        {
            "name": f"D{number}",
            "status": found.status,
            "statement": found.statement,
            "check": None,
            "evidence": str(found.evidence),
        }
        for number, found in enumerate(diagnosed, 1)
        if found.status != "refuted"
    ]
    return planned + usual


def _refuted(captured: Captured) -> list[dict[str, str]]:
    """The usual hypotheses that the diagnosis refuted, with what refuted them."""
    diagnosed = captured.diagnosis.hypotheses if captured.diagnosis else ()
    return [
        {"name": f"D{number}", "statement": found.statement, "evidence": str(found.evidence)}
        for number, found in enumerate(diagnosed, 1)
        if found.status == "refuted"
    ]


def _date(captured: Captured) -> str:
    return moment(captured.task.stamp).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _results(captured: Captured) -> dict[str, Any]:
    junit = captured.junit
    wall = (datetime.fromisoformat(captured.ending.end) - datetime.fromisoformat(captured.task.start)).total_seconds()
    return {
        "junit": junit,
        "collected": len(captured.collected),
        "wall": wall,
        "call": captured.call_seconds,
        "in_flight": len(captured.in_flight),
        "overhead": max(0.0, (junit.seconds if junit else wall) - captured.call_seconds),
        "failures": (junit.broken if junit else ())[:MOST_FAILURES],
        "failures_left_out": max(0, len(junit.broken) - MOST_FAILURES) if junit else 0,
        "places": _failure_places(captured),
    }


def _failure_places(captured: Captured) -> dict[tuple[str, str], str]:
    """Where each failing test failed, by the name that it has in the JUnit file."""
    places = {}
    for event in captured.events:
        if event["event"] == "phase" and event["outcome"] == "failed" and event.get("where"):
            places[junit_address(event["nodeid"])] = f"{event['where']['file']}:{event['where']['line']}"
    return places


def _gradient_rows(captured: Captured) -> list[dict[str, Any]]:
    """One row a gradient; the test is named where there are several, by its parameters if nothing else differs."""
    nodeids = {named.record.nodeid for named in captured.named}
    several = len(nodeids) > 1
    same_function = len({nodeid.partition("[")[0] for nodeid in nodeids}) == 1
    return [
        {
            "name": named.name,
            "test": _short(named.record.nodeid, same_function) if several else None,
            "call": named.record.call,
            "kind": named.record.kind,
            "entry": named.entry,
            "loss": named.record.loss,
        }
        for named in captured.named[:MOST_GRADIENTS]
    ]


def _short(nodeid: str, same_function: bool) -> str:
    parameters = nodeid.partition("[")[2].removesuffix("]")
    return parameters if same_function and parameters else junit_address(nodeid)[1]


def next_steps(captured: Captured, criteria: Criteria, found: list[Finding]) -> list[str]:
    """What to do now: finish an unmet phase, follow the findings, go on to the next phase."""
    plan, phase = captured.task.plan, captured.task.phase
    unmet = ", ".join(markdown.plain(criterion.id) for criterion in criteria.criteria if not criterion.met)
    steps = []
    if unmet:
        again = f", then run this phase again: {_phase_command(plan, phase)}" if plan and phase else ""
        steps.append(f"Meet {unmet}{again}")
    steps.extend(finding.next_step for finding in found if finding.next_step)
    if not unmet and plan:
        steps.extend(
            f"Run phase {following.id}{f' ({markdown.plain(following.title)})' if following.title else ''}: "
            f"{_phase_command(plan, following.id)}"
            for following in captured.task.next
        )
    return steps or ["Nothing is left to do in this phase."]


def _phase_command(plan: str, phase: str) -> str:
    return markdown.inline_code(f"gradtriage run {shlex.quote(plan)} --phase {phase}")


def _artifacts(captured: Captured) -> list[tuple[str, str]]:
    asked = []
    if captured.diagnosis is not None:
        asked.append(("diagnosis.json", "why the gradients are what they are"))
    if captured.diagnosis is not None and captured.diagnosis.path and captured.diagnosis.causes:
        asked.append(("path.svg", "the way from a parameter to the loss"))
    if captured.scan is not None:
        asked.append(("scan.json", "what the gradient checks prove"))
    if captured.suite is not None:
        asked.append(("suite.json", "every test's standing, the chunks, and the failures by cause"))
    return [
        *asked,
        ("command.txt", "the run in one line, to be pasted at the project's root"),
        ("pytest.log", "what pytest printed"),
        ("pytest.xml", "JUnit XML"),
        ("exit_code.txt", "exit status of the pytest process"),
        ("gradients.json", "every gradient computation"),
        ("environment.json", "the environment as the test process saw it"),
        ("criteria.json", "the exit criteria as evaluated"),
        _events(captured),
        ("task.json", "what was asked of this run"),
        ("ending.json", "how the process ended"),
        ("manifest.json", "size and SHA-256 of every file"),
    ]


def _events(captured: Captured) -> tuple[str, str]:
    if captured.suite is not None:
        return "chunks", "what each process left: its events, its log, its JUnit file"
    return "events.jsonl", "the event stream that the others are made from"
