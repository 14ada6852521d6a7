"""Stamps: the UTC second at which a run began, minted once, never reused."""

import re
from datetime import UTC, datetime

_STAMP = re.compile(r"([0-9]{8}T[0-9]{6}Z)(?:-([0-9]+))?")


def mint(now: datetime, attempt: int = 1) -> str:
    """The stamp of a moment; the second run in the same second gets `-2`."""
    base = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return base if attempt == 1 else f"{base}-{attempt}"


def is_stamp(name: str) -> bool:
    """Whether a folder's name is a stamp: the form, and a moment of the calendar."""
    try:
        moment(name)
    except ValueError:
        return False
    return True


def moment(stamp: str) -> datetime:
    """The UTC second that a stamp names.

    Raises:
        ValueError: It is no stamp, or names no moment of the calendar.
    """
    match = _STAMP.fullmatch(stamp)
    if match is None:
        raise ValueError(f"{stamp!r} is no stamp; one reads 20260131T235959Z")
    return datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def order(stamp: str) -> tuple[str, int]:
    """Sort key: by second, then by run within the second."""
    match = _STAMP.fullmatch(stamp)
    return (match[1], int(match[2] or 1)) if match else (stamp, 0)
