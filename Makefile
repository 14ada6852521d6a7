# `make demo` and `make test` work from nothing but Python 3.11+, make and a package index.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 2

# the image of the demo: a triclinic crystal, slightly mosaic, turned by two degrees
CRYSTAL := -cell 38 47 55 88 97 104 -default_F 100 -N 14 -misset 12 -31 47 -mosaic 0.8 -mosaic_domains 12
SETTING := -lambda 1.0 -distance 90 -detpixels 600 -pixel 0.3 -phi 20 -osc 2 -phisteps 8 -oversample 1

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types layers sample clean

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
	@echo "1. A diffraction image from the simulator"
	@mkdir -p demo
	@$(BIN)/gradbragg $(CRYSTAL) $(SETTING) --png demo/diffraction.png -floatfile demo/diffraction.bin
	@echo
	@echo "2. Its red gradient test, as evidence: plans/gradient-flow.yaml"
	@$(BIN)/gradtriage run plans/gradient-flow.yaml --quiet

test: $(VENV)/.tests
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart=0 -q

check: test lint types layers

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports

# the one evidence folder that git keeps; made anew when the documents of a run change
sample: $(VENV)/.tests
	@git rm -rqf --ignore-unmatch reports/gradient-flow
	@rm -rf reports/gradient-flow
	@$(BIN)/gradtriage run plans/gradient-flow.yaml --phase A --quiet
	@git add --force reports/gradient-flow/phase_a

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
