"""What all tests share: warnings are errors, and pytest can be run within a test."""

import os
import signal

import pytest
import torch

pytest_plugins = ["pytester"]


def pytest_configure(config: pytest.Config) -> None:
    # here and not in pyproject.toml, so that the plans' cases, which warn on purpose, run as a user would run them
    config.addinivalue_line("filterwarnings", "error")
    # what a user's cache holds decides nothing; tests/simulator/compiled compiles, into a cache of its own
    os.environ.setdefault("GRADBRAGG_COMPILE", "0")
    if "PYTEST_XDIST_WORKER" in os.environ:
        torch.set_num_threads(1)  # the processes share the processors already
    # a shell's background job starts with these ignored, and a command that we interrupt would inherit that
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
