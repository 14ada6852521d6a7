"""Durations as people write them."""

import re
from typing import Any

import click

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?", re.IGNORECASE)


class Duration(click.ParamType[float]):
    """Seconds, as `90`, `90s`, `10m`, `1.5h`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """Seconds of a duration."""
        if isinstance(value, (int, float)):
            return float(value)
        match = _DURATION.fullmatch(str(value).strip())
        seconds = float(match[1]) * _UNITS[(match[2] or "").lower()] if match else 0.0
        if not 1 <= seconds <= 30 * 86400:
            self.fail(f"{value!r} is no duration from 1s to 30d; write 90s, 10m or 1h", param, ctx)
        return seconds
