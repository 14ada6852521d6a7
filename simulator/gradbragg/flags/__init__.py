"""The command line's flags: declarations, parsing, and the configurations that they describe."""

from __future__ import annotations

from gradbragg.flags.resolve import configs_from_flags

__all__ = ["configs_from_flags"]
