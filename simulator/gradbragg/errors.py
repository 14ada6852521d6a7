"""The errors and warnings that gradbragg raises on purpose."""

from __future__ import annotations

from pathlib import Path


class GradBraggError(Exception):
    """Root of every error that gradbragg raises on purpose; its text is one line for a person."""

    exit_code = 1


class UsageError(GradBraggError):
    """A flag, a value or a combination of them cannot be used."""

    exit_code = 2


class UnsupportedError(UsageError):
    """The request is understood and not available yet."""


class ConfigError(GradBraggError):
    """A configuration value is impossible, whoever set it."""

    exit_code = 2


class FileError(GradBraggError):
    """A file cannot be read, cannot be understood or cannot be written.

    Args:
        path: The file.
        message: What is wrong and what was expected.
        line: Line number, counted from 1, where that is known.
    """

    def __init__(self, path: str | Path, message: str, line: int | None = None) -> None:
        self.path = Path(path)
        self.line = line
        where = f"{path}:{line}" if line is not None else str(path)
        super().__init__(f"{where}: {message}")


class GradBraggWarning(UserWarning):
    """Root of gradbragg's warnings."""


class BlankImageWarning(GradBraggWarning):
    """The crystal has no structure factor, so the image can only be blank."""


class FlagWarning(GradBraggWarning):
    """A flag is accepted and has no effect, or not the effect that its name promises."""
