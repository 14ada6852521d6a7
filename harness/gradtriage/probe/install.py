"""Hangs the probe into torch: at once, or in the moment in which somebody else has imported torch.

Nothing here imports torch. The wrappers are in place before the first `from torch.autograd import gradcheck` of a
test module can bind a function that the probe would not see.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from gradtriage.probe import sinks


def attach(sink: sinks.Sink) -> None:
    """Tells `sink` of every gradient call from now on; the first one installs the wrappers."""
    sinks.push(sink)
    if "torch" in sys.modules:
        _patch()
    elif _HOOK not in sys.meta_path:
        sys.meta_path.insert(0, _HOOK)


def detach(sink: sinks.Sink) -> None:
    """Tells `sink` nothing more; the last one leaves torch as it was found."""
    if not sinks.remove(sink) or sinks.current() is not None:
        return
    if _HOOK in sys.meta_path:
        sys.meta_path.remove(_HOOK)
    if "gradtriage.probe.patches" in sys.modules:
        from gradtriage.probe import patches

        patches.remove()


def _patch() -> None:
    from gradtriage.probe import patches

    patches.apply()


def _patch_quietly() -> None:
    try:
        _patch()
    except Exception as error:  # noqa: BLE001 - the import of torch must succeed as it would without us
        sink = sinks.current()
        if sink is not None:
            sink.error("install", error)


class _TorchImport:
    """Finds torch as everybody else would, and runs the installation after it was executed."""

    def __init__(self) -> None:
        self._searching = False

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - as `importlib` calls it
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname != "torch" or self._searching:
            return None
        self._searching = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._searching = False
        if spec is not None and spec.loader is not None:
            self._follow(spec)
        return spec

    def _follow(self, spec: ModuleSpec) -> None:
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module
            execute(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
                _patch_quietly()

        try:
            # on the instance, so that the loader is the one that torch would have had, and stays it
            loader.exec_module = exec_module
        except AttributeError as error:
            sink = sinks.current()
            if sink is not None:
                sink.error("import hook", error)


_HOOK = _TorchImport()
