"""What all tests share: warnings are errors, and pytest can be run within a test."""

import pytest

pytest_plugins = ["pytester"]


def pytest_configure(config: pytest.Config) -> None:
    # here and not in pyproject.toml, so that the plans' cases, which warn on purpose, run as a user would run them
    config.addinivalue_line("filterwarnings", "error")
