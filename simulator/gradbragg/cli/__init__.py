"""The ``gradbragg`` command."""

from __future__ import annotations

from gradbragg.cli.command import entry, main

__all__ = ["entry", "main"]
