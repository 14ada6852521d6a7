"""What one of pytest's reports says, as the fields of an event."""

# ruff: noqa: ANN401 - values of any type come by here

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

_MESSAGE_LIMIT = 2000
_TEXT_LIMIT = 20_000


def phase_event(report: pytest.TestReport, root: Path) -> dict[str, Any]:
    """The fields of a `phase` event.

    Args:
        report: The report of a setup, call or teardown.
        root: pytest's rootdir; places below it are named relative to it.
    """
    fields: dict[str, Any] = {
        "nodeid": report.nodeid,
        "when": report.when,
        "outcome": report.outcome if report.outcome in ("passed", "failed", "skipped") else "failed",
        "xfail": hasattr(report, "wasxfail"),
        "seconds": report.duration,
        "message": None if report.longrepr is None else message_of(report.longrepr),
        "where": _place_of(report.longrepr, root),
    }
    if report.outcome not in ("passed", "failed", "skipped"):
        # a plugin that runs failed tests again reports its first attempts under a name of its own
        fields["attempt"] = str(report.outcome)
    context = getattr(report, "context", None)
    if context is not None:
        fields["subtest"] = clean(str(getattr(context, "msg", None) or getattr(context, "kwargs", "")))
    return fields


def text_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """What pytest says of a failure, long texts without their middle."""
    text = str(report.longreprtext)
    if len(text) > _TEXT_LIMIT:
        text = f"{text[: _TEXT_LIMIT // 4]}\n...\n{text[-3 * _TEXT_LIMIT // 4 :]}"
    return text.encode("utf-8", "replace").decode("utf-8")


def message_of(longrepr: Any) -> str:
    """The first lines of a crash message."""
    crash = getattr(longrepr, "reprcrash", None)
    if crash is not None:
        text = crash.message
    elif isinstance(longrepr, tuple) and len(longrepr) == 3:
        text = longrepr[2]
    else:
        text = str(longrepr)
    return clean(str(text))


def _place_of(longrepr: Any, root: Path) -> dict[str, Any] | None:
    crash = getattr(longrepr, "reprcrash", None)
    if crash is not None:
        return {"file": relative(Path(crash.path), root), "line": crash.lineno}
    if isinstance(longrepr, tuple) and len(longrepr) == 3:
        return {"file": relative(Path(longrepr[0]), root), "line": longrepr[1]}
    return None


def relative(path: Path, root: Path) -> str:
    """`path` relative to `root` with forward slashes, or as it is when it lies outside."""
    absolute = path if path.is_absolute() else root / path
    try:
        return absolute.relative_to(root).as_posix()
    except ValueError:
        return absolute.as_posix()


def short_message(error: BaseException) -> str:
    """Type and text of an exception whose own `__str__` may fail."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - foreign code
        text = "?"
    return clean(f"{type(error).__name__}: {text}")[:500]


def clean(text: str) -> str:
    """`text` cut to length, and without the lone surrogates that no file takes."""
    return text[:_MESSAGE_LIMIT].encode("utf-8", "replace").decode("utf-8")


def process_id() -> int:
    """The id of this process."""
    return os.getpid()
