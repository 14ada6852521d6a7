"""The environment variables that the run pinned, watched for tests that change them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gradtriage.evidence.redaction import redacted, redacted_beside


class PinWatch:
    """Compares the pins with the environment; cheap enough to be asked after every phase of every test.

    Args:
        pins: Each pin's name and wanted value, None where the variable should be unset.
    """

    def __init__(self, pins: Mapping[str, str | None]) -> None:
        self.wanted = dict(pins)
        self._seen = {name: os.environ.get(name) for name in self.wanted}

    def changes(self) -> list[tuple[str, str | None, bool]]:
        """What changed since the last call: name, value as it may be written, whether it is the wanted one again."""
        found: list[tuple[str, str | None, bool]] = []
        for name, before in self._seen.items():
            now = os.environ.get(name)
            if now != before:
                wanted = self.wanted[name]
                self._seen[name] = now
                found.append((name, redacted_beside(name, now, wanted), now == wanted))
        return found

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Each pin as it was wanted and as this process sees it, values of secret-looking names left out."""
        table: dict[str, dict[str, Any]] = {}
        for name, wanted in self.wanted.items():
            value = os.environ.get(name)
            table[name] = {
                "wanted": redacted(name, wanted),
                "value": redacted_beside(name, value, wanted),
                "holds": value == wanted,
            }
        return table
