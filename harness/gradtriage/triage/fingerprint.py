"""The fingerprint of a failure: exception, normalised message, deepest project frame.

Two failures with one fingerprint have one cause; one cause may have several fingerprints (it is better to show a cause
twice than to hide one behind another). The version in front changes when the same failure would get another.
"""

import hashlib
import re
from typing import Any

VERSION = "v1"
_LONGEST = 300
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Warning|Exit|Interrupt|Failed|Timeout)?: ")
_SUBSTITUTIONS = [
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "UUID"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "HEX"),
    (re.compile(r"(?:(?<=[\s'\"(=])|^)(?:[A-Za-z]:)?(?:[/\\][\w.+@~-]+)*[/\\](?=[\w.+@~-]+)"), ""),  # folders
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b"), "HEX"),
]
# numbers that name a cause and not a value
_CODE = re.compile(r"\b(errno|status|code|http|signal|sqlstate)(\W{1,3})(\d+)\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![A-Za-z_\d])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?j?(?![A-Za-z_\d])")
_NUMBERS = re.compile(r"N(?:[,\s]+N)+")


def first_line(message: str) -> str:
    """The first line of a message that says something, without the exception's name in front."""
    for line in message.splitlines():
        text = _EXCEPTION.sub("", line.strip())
        if text:
            return text[:_LONGEST]
    return ""


def normalised(message: str) -> str:
    """A message without what differs from run to run or from case to case: values, addresses, folders."""
    text = first_line(message)
    for pattern, replacement in _SUBSTITUTIONS:
        text = pattern.sub(replacement, text)
    text = _CODE.sub(lambda match: f"{match[1]}{match[2]}#{match[3]}_", text)
    text = _NUMBERS.sub("N", _NUMBER.sub("N", text))
    return " ".join(text.split())


def place(frame: dict[str, Any] | None) -> str:
    """A frame as it stays when lines move: file, function, statement."""
    if frame is None:
        return ""
    return f"{frame.get('file')}|{frame.get('function') or ''}|{' '.join(str(frame.get('statement') or '').split())}"


def fingerprint(exception: str, message: str, where: str) -> str:
    """The fingerprint of a cause.

    Args:
        exception: Type of the exception.
        message: Its message.
        where: From `place`; empty for a cause that does not depend on it.
    """
    text = "\0".join((exception, normalised(message), where))
    return f"{VERSION}:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"
