"""The pytest plugin: inert unless asked for by `-p gradtriage`, `--gradtriage` or `--gradtriage-dir DIR`.

Every pytest session of an environment that has this package loads this module, so it holds the hooks that decide
whether there is anything to do and nothing else; all the rest is imported when the answer is yes.
"""

from __future__ import annotations

import pytest

_NAMES = ("gradtriage", "gradtriage.plugin")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the two options that ask for the capture."""
    group = parser.getgroup("gradtriage", "capture of gradients")
    group.addoption(
        "--gradtriage",
        action="store_true",
        default=False,
        help="record every gradient that the tests compute in .gradtriage/gradients.json below the rootdir",
    )
    group.addoption(
        "--gradtriage-dir",
        metavar="DIR",
        default=None,
        help="write the events of the capture to DIR instead and leave merging them to the caller",
    )


def pytest_plugin_registered(plugin: object, plugin_name: str, manager: pytest.PytestPluginManager) -> None:
    """Keeps pytest from registering this module twice: by its entry point's name and by its own."""
    if getattr(plugin, "__name__", None) != __name__:
        return
    for other in _NAMES:
        if other != plugin_name and not manager.has_plugin(other) and not manager.is_blocked(other):
            manager.set_blocked(other)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Starts the capture before the first conftest is imported, and torch with it."""
    _start_if_asked(early_config)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Starts the capture where the plugin was loaded too late for the hook above (in xdist's workers)."""
    _start_if_asked(config)


def _start_if_asked(config: pytest.Config) -> None:
    if _asked_for(config):
        from gradtriage.plugin.start import start

        start(config)


def _asked_for(config: pytest.Config) -> bool:
    for options in (getattr(config, "known_args_namespace", None), config.option):
        if getattr(options, "gradtriage", False) or getattr(options, "gradtriage_dir", None) is not None:
            return True
        if not set(_NAMES).isdisjoint(getattr(options, "plugins", None) or ()):
            return True
    return False
