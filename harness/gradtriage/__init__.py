"""Why is this gradient zero, missing, NaN or wrong? Evidence for PyTorch gradient tests, phase by phase."""

__version__ = "0.1.0"

# `pytest -p gradtriage` imports this package when the entry point is not to be had (a copy on PYTHONPATH).
pytest_plugins = ["gradtriage.plugin"]
