"""Troubles as SARIF 2.1.0, for code scanning: each result lies on the line where the gradient is lost."""

import hashlib
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from gradtriage import __version__
from gradtriage.triage.trouble import Trouble
from gradtriage.triage.wording import one_line

SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST = 5000  # what GitHub shows of one run
_ROOT = "%SRCROOT%"  # the name by which readers know the root of the checkout


def sarif_document(troubles: Sequence[Trouble]) -> dict[str, Any]:
    """The log file with one run.

    Args:
        troubles: What is wrong; the most telling first.
    """
    shown = list(troubles[:MOST])
    rules = list(dict.fromkeys(_rule(trouble) for trouble in shown))
    driver = {
        "name": "gradtriage",
        "version": __version__,
        "rules": [{"id": rule, "shortDescription": {"text": rule}} for rule in rules],
    }
    return {
        "$schema": SCHEMA_URI,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the project."}}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(trouble, rules) for trouble in shown],
            }
        ],
    }


def _rule(trouble: Trouble) -> str:
    return f"gradtriage/{trouble.cause.kind if trouble.cause else trouble.kind}"


def _result(trouble: Trouble, rules: list[str]) -> dict[str, Any]:
    rule = _rule(trouble)
    result: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": rules.index(rule),
        "level": "error",
        "message": {"text": _message(trouble)},
        "locations": [_location(*(trouble.place or _test_place(trouble)))],
        "partialFingerprints": {"gradtriage/v1": _fingerprint(trouble)},
    }
    related = _related(trouble)
    return {**result, "relatedLocations": related} if related else result


def _message(trouble: Trouble) -> str:
    text = one_line(trouble.title) or "fails"
    fix = f". {trouble.cause.fix}" if trouble.cause is not None and trouble.cause.fix else ""
    tests = ", ".join(trouble.tests[:5]) + (f" and {len(trouble.tests) - 5} more" if len(trouble.tests) > 5 else "")
    return f"{text}{fix} (shown by {tests})" if tests else f"{text}{fix}"


def _fingerprint(trouble: Trouble) -> str:
    """The same for the same cause on other lines: its kind, file and statement, or its cluster's own."""
    cause = trouble.cause
    own = list(trouble.fingerprints) or [trouble.kind, *trouble.tests]
    parts = [cause.kind, cause.file, cause.source] if cause else own
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def _test_place(trouble: Trouble) -> tuple[str, int]:
    return (trouble.tests[0].partition("::")[0] if trouble.tests else "."), 1


def _location(file: str, line: int, text: str = "") -> dict[str, Any]:
    path = PurePath(file)
    uri = quote(path.as_posix())
    artifact = {"uri": uri, "uriBaseId": _ROOT} if not path.is_absolute() else {"uri": path.as_uri()}
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": artifact, "region": {"startLine": max(1, line)}}
    }
    return {**location, "message": {"text": text}} if text else location


def _related(trouble: Trouble) -> list[dict[str, Any]]:
    """Where the reason was born, and the gradient call that shows it."""
    found = []
    origin = trouble.cause.evidence.get("origin") if trouble.cause else None
    if isinstance(origin, dict) and origin.get("file") and origin.get("line"):
        found.append(_location(str(origin["file"]), int(origin["line"]), "where the reason was born"))
    where = trouble.diagnosis.where if trouble.diagnosis else None
    if where is not None:
        found.append(_location(where.file, where.line, "the gradient computation that shows it"))
    return found
