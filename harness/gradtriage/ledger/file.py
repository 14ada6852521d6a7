"""The ledger's file, read as a page and edited without disturbing what no edit names."""

from collections.abc import Callable
from pathlib import Path

from gradtriage.evidence.shared_file import edit_file, read_shared
from gradtriage.ledger.page import Page, read_page
from gradtriage.ledger.source import Edit, apply

_REMEDY = "name the ledger with --ledger (`gradtriage init` writes one)"


def read_ledger(path: Path) -> Page:
    """The ledger as it is.

    Raises:
        UsageError: There is no such file, or it cannot be read.
    """
    return read_page(read_shared(path, _REMEDY))


def edit_ledger(path: Path, edits: Callable[[Page], list[Edit]]) -> bool:
    """Changes the ledger; whether anything was to be changed.

    Args:
        path: The ledger.
        edits: Gives the edits that a page needs. Called again where somebody saved the page meanwhile.

    Raises:
        UsageError: The ledger cannot be read.
        EvidenceError: It cannot be written, or another writer holds it for minutes.
    """

    def changed(data: bytes) -> bytes:
        page = read_page(data)
        return apply(page.source.text, edits(page)).encode("utf-8", "surrogateescape")

    return edit_file(path, changed, _REMEDY)
