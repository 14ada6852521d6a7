"""Starts the capture of one pytest session, once, as early as the session allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gradtriage.plugin.session import CaptureSession

if TYPE_CHECKING:
    from pytest import Config

_STARTED = pytest.StashKey[CaptureSession]()


def start(config: Config) -> None:
    """Registers the session's hooks and hangs the probe into torch; the second call does nothing."""
    if _STARTED in config.stash:
        return
    session = CaptureSession(config)
    config.stash[_STARTED] = session
    config.add_cleanup(session.close)
    session.install_probe()
    config.pluginmanager.register(session, "gradtriage-session")
