# `make demo` and `make test` work from nothing but Python 3.11+, make and a package index.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types layers clean

help:
	@echo "make demo   simulate a diffraction image, run the worked example, show its evidence"
	@echo "make test   run the tests"
	@echo "make check  tests, lint, types, layers"

$(VENV)/.python: 
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Try: make PYTHON=python3.12"; exit 2; }
	@echo "Creating $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.tests: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing from constraints.txt (torch is large; this takes a minute or two, once) ..."
	@$(PIP) install --constraint constraints.txt --editable ".[test]"
	@touch $@

$(VENV)/.dev: $(VENV)/.tests
	@$(PIP) install --constraint constraints.txt --editable ".[dev]"
	@touch $@

demo: $(VENV)/.tests
	@$(BIN)/python plans/gradient-flow/demo.py

test: $(VENV)/.tests
	@$(BIN)/python -m pytest -n $(WORKERS) --max-worker-restart=0 -q

check: test lint types layers

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
