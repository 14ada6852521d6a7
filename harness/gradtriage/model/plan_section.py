"""The `status` section of a plan's file, rewritten without touching anything else in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from gradtriage.errors import PlanError
from gradtriage.model.yaml_source import load_yaml

KEY = "status"
_COMMENT = "# as the evidence says; `gradtriage plan status --write` keeps it"


@dataclass(frozen=True)
class PhaseEntry:
    """A phase's line in the section."""

    state: str
    evidence: str | None
    done: tuple[str, ...]
    open: tuple[str, ...]

    @property
    def data(self) -> dict[str, object]:
        """The entry as plain data."""
        entry: dict[str, object] = {"state": self.state}
        if self.evidence is not None:
            entry["evidence"] = self.evidence
        return {**entry, "done": list(self.done), "open": list(self.open)}


def with_status(data: bytes, origin: str, entries: Mapping[str, PhaseEntry]) -> bytes:
    """A plan's file with the section brought up to date; comments, order and layout stay.

    Args:
        data: The file.
        origin: Its name, for errors.
        entries: What is to stand there, by phase.

    Raises:
        PlanError: The file cannot be read, or is laid out so that no section can be placed in it.
    """
    before, _ = load_yaml(data, origin)
    bom = data.startswith(b"\xef\xbb\xbf")
    text = data.decode("utf-8-sig")
    wanted = {phase: entry.data for phase, entry in entries.items()}
    if before.get(KEY) == wanted:
        return data
    edited = _edited(text, wanted)
    result = (b"\xef\xbb\xbf" if bom else b"") + edited.encode()
    try:
        after, _ = load_yaml(result, origin)
    except PlanError:
        after = {}
    kept = {key: value for key, value in before.items() if key != KEY}
    if {key: value for key, value in after.items() if key != KEY} != kept or after.get(KEY) != wanted:
        remedy = f"put a line '{KEY}: {{}}' at its end"
        raise PlanError(f"{origin}: {KEY}: cannot be written into the plan as it is laid out; {remedy}")
    return result


def _edited(text: str, wanted: Mapping[str, Mapping[str, object]]) -> str:
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)  # read as a mapping before
    end = "\r\n" if "\r\n" in text else "\n"
    pair = next((pair for pair in node.value if pair[0].value == KEY), None)
    if pair is None:
        body = text if not text or text.endswith("\n") else text + end
        return body + _section(wanted, end)
    key, value = pair
    entries = value.value if isinstance(value, yaml.MappingNode) and not value.flow_style else []
    if not entries or {name.value for name, _ in entries} - set(wanted):
        return text[: key.start_mark.index] + _section(wanted, end).rstrip("\r\n") + text[_last(value) :]
    spans = {name.value: (entry.start_mark.index, _last(entry)) for name, entry in entries}
    indent = " " * entries[0][0].start_mark.column
    new = "".join(f"{end}{indent}{_line(name, entry)}" for name, entry in wanted.items() if name not in spans)
    outdated = {name: span for name, span in spans.items() if _data(text[slice(*span)]) != wanted[name]}
    edits = [(start, stop, _flow(wanted[name])) for name, (start, stop) in outdated.items()]
    if new:
        at = _line_end(text, max(stop for _, stop in spans.values()))
        edits.append((at, at, new))
    for start, stop, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[stop:]
    return text


def _section(wanted: Mapping[str, Mapping[str, object]], end: str) -> str:
    lines = [f"{KEY}: {_COMMENT}", *(f"  {_line(name, entry)}" for name, entry in wanted.items())]
    return "".join(line + end for line in lines)


def _line(name: str, entry: Mapping[str, object]) -> str:
    return f"{_scalar(name)}: {_flow(entry)}"


def _flow(data: object) -> str:
    return yaml.safe_dump(data, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True).strip()


def _scalar(text: str) -> str:
    return yaml.safe_dump(text, width=10**6, allow_unicode=True).split("\n")[0]


def _data(text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _last(node: yaml.Node) -> int:
    """Where a node's own text ends; a block collection's own mark stands behind the blank lines after it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _line_end(text: str, at: int) -> int:
    match = re.compile(r"[^\r\n]*").match(text, at)
    return match.end() if match else at
