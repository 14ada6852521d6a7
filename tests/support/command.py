"""The command called within the test's own process."""

from typing import NamedTuple

import pytest

from gradtriage.cli import main


class Said(NamedTuple):
    """What a command left on the terminal."""

    code: int
    out: str
    err: str


class Command:
    """Calls `gradtriage` where the test stands."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *args: object) -> Said:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(arg) for arg in args])
        return Said(int(ended.value.code or 0), *self._capsys.readouterr())
