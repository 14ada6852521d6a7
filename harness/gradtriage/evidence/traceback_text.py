"""What the text of a failure in a JUnit file says: exception, message, frames; in each of pytest's styles."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from gradtriage.evidence.project_files import deepest_project_frame

_STAGE = re.compile(r'^failed on (setup|teardown) with "(.*)"?$', re.DOTALL)
_PYTHON_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>\S+))?$')
_SHORT_FRAME = re.compile(r"^(?P<file>\S[^:\n]*):(?P<line>\d+): in (?P<function>\S+)$")
_LONG_END = re.compile(r"^(?P<file>\S[^:\n]*|[A-Za-z]:[^:\n]*):(?P<line>\d+): ?(?P<exception>[A-Za-z_][\w.]*)?$")
_FUNCTION = re.compile(r"^[ >]?\s*(?:async )?def (\w+)")
_RAISED = re.compile(r"^([A-Za-z_][\w.]*)(?:: (.*))?$", re.DOTALL)
_ENDS_LIKE_EXCEPTION = re.compile(r"(Error|Exception|Warning|Exit|Interrupt|Failed|Timeout|Skipped)$")
_E_LINE = re.compile(r"^E\s{1,7}(?=\S)")
_LAST = 400_000  # characters; the interesting end of a text without end


@dataclass(frozen=True)
class TracebackText:
    """What a failure's text says.

    Attributes:
        frame: The deepest frame of the project, with `file`, `line`, `function` and `statement`.
        raised: The file of the innermost frame.
    """

    stage: Literal["collect", "setup", "call", "teardown"]
    exception: str
    message: str
    frame: dict[str, Any] | None
    raised: str | None


def read_traceback(message: str, text: str, classname: str) -> TracebackText:
    """Reads the message and the text of a failure or error.

    Args:
        message: The attribute `message` of the element.
        text: Its content.
        classname: Of the test case: where the test's own file is taken from.
    """
    text = text[-_LAST:]
    lines = text.splitlines()
    frames, ended_with = _frames(lines)
    stage, said = _stage(message)
    told = [_E_LINE.sub("", line) for line in lines if _E_LINE.match(line)]
    if stage == "collect" or not said.strip():
        said = told[-1] if stage == "collect" and told else "\n".join(told) or _last_line(lines) or said
    if said.startswith("file ") and told:  # a fixture that is not there: pytest shows where it was wanted first
        said = told[0]
    exception = ended_with or _exception(said) or (_exception(told[0]) if told else None)
    if exception is None:
        exception = "AssertionError" if said.startswith("assert") else "unknown"
    frame = deepest_project_frame(frames, _file_of(classname, frames))
    return TracebackText(stage, exception.rpartition(".")[2], said, frame, frames[-1]["file"] if frames else None)


def _stage(message: str) -> tuple[Literal["collect", "setup", "call", "teardown"], str]:
    if message == "collection failure":
        return "collect", message
    match = _STAGE.match(message)
    if match is None:
        return "call", message
    return ("setup" if match[1] == "setup" else "teardown"), match[2].removesuffix('"')


def _exception(said: str) -> str | None:
    match = _RAISED.match(said.strip())
    if match and (match[2] is not None or _ENDS_LIKE_EXCEPTION.search(match[1])) and " " not in match[1]:
        return match[1]
    return None


def _last_line(lines: list[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _frames(lines: list[str]) -> tuple[list[dict[str, Any]], str | None]:
    """The frames from the outermost to the innermost, and the exception's name where the text ends with it."""
    frames: list[dict[str, Any]] = []
    exception = None
    function = statement = None
    for number, line in enumerate(lines):
        if line[:1] in ("E", "") or line.startswith(("_ _", "---", "===")):
            continue
        if match := _PYTHON_FRAME.match(line) or _SHORT_FRAME.match(line):
            following = lines[number + 1].strip() if number + 1 < len(lines) else ""
            frames.append(_frame(match["file"], match["line"], match["function"], following))
        elif (match := _LONG_END.match(line)) and "/" not in (match["exception"] or ""):
            frames.append(_frame(match["file"], match["line"], function, statement))
            exception, function, statement = match["exception"] or exception, None, None
        elif function is None and (match := _FUNCTION.match(line)):
            function = match[1]
        if line.startswith(">"):
            statement = line[1:].strip()
    return frames, exception


def _frame(file: str, line: str, function: str | None, statement: str | None) -> dict[str, Any]:
    return {"file": file, "line": int(line), "function": function, "statement": (statement or "")[:300] or None}


def _file_of(classname: str, frames: list[dict[str, Any]]) -> str:
    """The test's own file: the frame whose path is that of the class name's module."""
    parts = classname.split(".")
    for frame in frames:
        stem = str(frame["file"]).removesuffix(".py").replace("\\", "/").split("/")
        if any(parts[:length] == stem[-length:] for length in range(1, len(parts) + 1)):
            return str(frame["file"])
    return frames[0]["file"] if frames else ""
