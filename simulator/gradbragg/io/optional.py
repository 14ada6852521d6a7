"""Libraries that are not installed with the package itself."""

from __future__ import annotations

import importlib
from types import ModuleType

from gradbragg.errors import UnsupportedError


def optional_module(name: str, purpose: str) -> ModuleType:
    """A library of the ``formats`` extra, imported when it is needed.

    Args:
        name: Of the module.
        purpose: What it is needed for.

    Raises:
        UnsupportedError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        text = f"{purpose} needs {name}, which is not installed; run: pip install 'gradtriage[formats]'"
        raise UnsupportedError(text) from error
