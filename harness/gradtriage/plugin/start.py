"""Starts the capture of one pytest session, once, as early as the session allows."""

from __future__ import annotations

import pytest

from gradtriage.plugin.session import CaptureSession

_STARTED = pytest.StashKey[CaptureSession]()


def start(config: pytest.Config) -> None:
    """Registers the session's hooks and hangs the probe into torch; the second call does nothing."""
    if _STARTED in config.stash:
        return
    session = CaptureSession(config)
    config.stash[_STARTED] = session
    config.add_cleanup(session.close)
    session.install_probe()
    config.pluginmanager.register(session, "gradtriage-session")
