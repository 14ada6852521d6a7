"""Why is this gradient zero, missing, NaN or wrong? Evidence for PyTorch gradient tests, phase by phase."""

from typing import Any

__version__ = "0.1.0"

# `pytest -p gradtriage` imports this package when the entry point is not to be had (a copy on PYTHONPATH).
pytest_plugins = ["gradtriage.plugin"]

__all__ = ["__version__", "explain"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as Python defines it
    """`gradtriage.explain` brings torch with it, so it is imported when it is asked for."""
    if name == "explain":
        from gradtriage.probe.explain.function import explain

        return explain
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
