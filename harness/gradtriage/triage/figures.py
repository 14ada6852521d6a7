"""The figures that a check can name, taken from what a run captured."""

import math
from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from gradtriage.model.documents import GradientEntry
from gradtriage.triage.captured import Captured, NamedGradient

# written after the criteria are judged, or gone by the time that the folder is whole
_CERTAIN_FILES = ("criteria.json", "summary.md", "manifest.json")
_PASSING_FILES = ("running.json", "request.json", "child.json", ".reserve", ".ending")


class Value:
    """A mark in `VOCABULARY`: a figure with nothing below it."""


class Each:
    """A mark in `VOCABULARY`: a list or a mapping whose every item looks like `item`."""

    def __init__(self, item: object) -> None:
        self.item = item


# a gradient is a number, and has statistics below it
ENTRY = dict.fromkeys(("status", "value", "norm", "max_abs", "numel", "zeros", "nans", "infs", "numeric"), Value)
_GRADIENTS: dict[str, object] = dict.fromkeys(
    ("count", "max_abs", "min_abs", "none", "zero", "nan", "inf", "loss", "records"), Value
)
_GRADIENTS["names"] = Each(ENTRY)
_CAUSE = dict.fromkeys(("id", "kind", "file", "line", "function", "source", "op", "proof", "fix"), Value)

_THEN_NOW = dict.fromkeys(("then", "now", "same"), Value)

_SCAN = ("tests", "gradient_tests", "checks", "vacuous_checks", "vacuous_tests", "not_judged", "strength")

# The names of the contract (section 8), in the shape in which they nest.
VOCABULARY: dict[str, object] = {
    "exit_code": Value,
    "junit": dict.fromkeys(("tests", "failures", "errors", "skipped", "seconds"), Value),
    "gradients": {**_GRADIENTS, "tests": Each(_GRADIENTS)},
    "environment": {"pins_hold": Value, "dirty": Value},
    "diagnosis": {
        **dict.fromkeys(("nodeid", "outcome", "call", "verdict", "loss"), Value),
        "parameters": Each(dict.fromkeys(("name", "status", "autograd", "numeric", "relative_error", "causes"), Value)),
        "causes": Each({**_CAUSE, "parameters": Each(Value), "evidence": Each(Value)}),
        "hypotheses": Each(dict.fromkeys(("id", "name", "statement", "status", "evidence"), Value)),
        "differential": {**dict.fromkeys(("against", "call", "changed", "reason"), Value), "loss": _THEN_NOW},
    },
    "scan": {"summary": {**dict.fromkeys(_SCAN, Value), "uncovered": Each(Value)}},
    "suite": {
        **dict.fromkeys(("complete", "collected", "ran"), Value),
        "counts": dict.fromkeys(("passed", "failed", "error", "skipped", "xfailed", "xpassed"), Value),
        **{name: Each(Value) for name in ("missing", "duplicates", "in_flight", "clusters")},
    },
    "summary": {"sections": Value},
    "files": Each(Value),
}


class GradientFigure(float):
    """A gradient as a number (its value, or its norm where it is no scalar) with its statistics as attributes.

    So both `gradients.names['cell_a'] == 0` and `gradients.names['cell_a'].status == 'zero'` can be asked.
    A gradient that is missing or not finite is not a number, and equals nothing.
    """

    def __new__(cls, entry: GradientEntry) -> "GradientFigure":
        """Makes the number from the entry's statistics."""
        number = entry.value if entry.value is not None else entry.norm
        figure = super().__new__(cls, math.nan if number is None else number)
        for name in ENTRY:
            setattr(figure, name, getattr(entry, name))
        return figure


class TestFigures(Mapping[str, SimpleNamespace]):
    """Figures by test: a key is a node id, or any part of one that fits exactly one test."""

    __test__ = False

    def __init__(self, by_nodeid: dict[str, SimpleNamespace]) -> None:
        self._by_nodeid = by_nodeid

    def __getitem__(self, key: str) -> SimpleNamespace:
        if key in self._by_nodeid:
            return self._by_nodeid[key]
        fits = [nodeid for nodeid in self._by_nodeid if key in nodeid]
        if len(fits) != 1:
            raise KeyError(f"{key!r} fits {len(fits)} tests with gradients")
        return self._by_nodeid[fits[0]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_nodeid)

    def __len__(self) -> int:
        return len(self._by_nodeid)


def figures(captured: Captured, sections: int) -> dict[str, Any]:
    """The value of every name that a check can use; what was not captured is None.

    Args:
        captured: The run's files.
        sections: Number of sections of the summary.
    """
    junit = captured.junit
    names = ("tests", "failures", "errors", "skipped", "seconds")
    return {
        "exit_code": captured.ending.exit_code,
        "junit": SimpleNamespace(**{name: getattr(junit, name) if junit else None for name in names}),
        "gradients": _gradient_figures(captured),
        "environment": SimpleNamespace(pins_hold=pins_hold(captured), dirty=captured.environment.dirty),
        "diagnosis": _namespace(captured.diagnosis.model_dump()) if captured.diagnosis else None,
        "scan": _namespace(captured.scan.model_dump()) if captured.scan else None,
        "suite": _namespace(captured.suite.model_dump()) if captured.suite else None,
        "summary": SimpleNamespace(sections=sections),
        "files": sorted(
            {*_CERTAIN_FILES, *(p.name for p in captured.folder.iterdir() if p.name not in _PASSING_FILES)}
        ),
    }


def _namespace(value: object) -> Any:  # noqa: ANN401 - documents nest
    """A document with its fields as attributes; what has free keys stays a mapping."""
    if isinstance(value, list):
        return [_namespace(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) and key.isidentifier() for key in value):
        return SimpleNamespace(**{key: item if key == "evidence" else _namespace(item) for key, item in value.items()})
    return value


def pins_hold(captured: Captured) -> bool:
    """Whether every pin held at the start and at the end, and no test changed one and left it so."""
    pins = captured.environment.pins.values()
    if not pins:
        return True
    ends = all(pin.wanted == pin.at_start == pin.at_end for pin in pins)
    return ends and captured.saw_start and captured.saw_end and not lasting_pin_changes(captured)


def lasting_pin_changes(captured: Captured) -> list[dict[str, Any]]:
    """The changes of a pin that the test which made them did not undo."""
    lasting: list[dict[str, Any]] = []
    for event in captured.events:
        if event["event"] == "pin_changed":
            lasting.append(event)
        elif event["event"] == "pin_restored":
            undone = (event["nodeid"], event["name"])
            lasting = [change for change in lasting if (change["nodeid"], change["name"]) != undone]
    return lasting


def _gradient_figures(captured: Captured) -> SimpleNamespace:
    by_test: dict[str, list[NamedGradient]] = {record.nodeid: [] for record in captured.gradients.records}
    for named in captured.named:
        by_test[named.record.nodeid].append(named)
    whole = summarise(captured.named, [record.loss for record in captured.gradients.records])
    losses = {nodeid: [r.loss for r in captured.gradients.records if r.nodeid == nodeid] for nodeid in by_test}
    whole.tests = TestFigures({nodeid: summarise(named, losses[nodeid]) for nodeid, named in by_test.items()})
    return whole


def summarise(gradients: Iterable[NamedGradient], losses: list[float | None]) -> SimpleNamespace:
    """Count, extremes and statuses over gradients.

    `max_abs` and `min_abs` are the largest and the smallest of the parameters' own largest magnitudes; they are
    None when there is no gradient or when one is not finite, since then there is no such number. `loss` is
    that of the only record; of several it is None. `names` holds the latest gradient of each name.
    """
    gradients = list(gradients)
    statuses = [named.entry.status for named in gradients]
    finite = "nan" not in statuses and "inf" not in statuses
    sizes = [named.entry.max_abs for named in gradients if named.entry.max_abs is not None] if finite else []
    return SimpleNamespace(
        count=len(gradients),
        records=len(losses),
        max_abs=max(sizes, default=None),
        min_abs=min(sizes, default=None),
        **{status: statuses.count(status) for status in ("none", "zero", "nan", "inf")},
        loss=losses[0] if len(losses) == 1 else None,
        names={named.name: GradientFigure(named.entry) for named in gradients},
    )
