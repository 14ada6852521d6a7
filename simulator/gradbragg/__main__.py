"""``python -m gradbragg``."""

from gradbragg.cli import entry

entry()
