# Consilium. `make` lists what can be done.

PYTHON  ?= python3
HOST    ?= 127.0.0.1
PORT    ?= 8080
DATA    ?= data
VENV    := .venv
BIN     := $(VENV)/bin
LOCK    := requirements.lock

.DEFAULT_GOAL := help
.PHONY: help setup develop run test check lint types contracts unit static-tests e2e screenshots bench lock protocol clean

help: ## List the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Consilium needs Python 3.11 or newer (make PYTHON=python3.12)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: apt-get install python3-venv"; exit 1; }

$(VENV)/.run-installed: $(LOCK) | $(VENV)/pyvenv.cfg
	@echo "Installing the pinned packages (once) ..."
	@sed '/^# --- develop ---/,$$d' $(LOCK) > $(VENV)/run.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/run.lock
	@touch $@

$(VENV)/.develop-installed: $(LOCK) $(VENV)/.run-installed
	@echo "Installing the pinned development packages (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(LOCK)
	@touch $@

setup: $(VENV)/.run-installed ## Make the environment alone

develop: $(VENV)/.develop-installed ## Make the environment with everything the tests need
	@tools/test-programs

run: setup ## Start the demonstration clinic on http://127.0.0.1:8080 (HOST=0.0.0.0 for a phone on the same network)
	@$(BIN)/python -m server demo --host $(HOST) --port $(PORT) --data $(DATA)

test: develop check-static unit e2e ## Install what the tests need, then run all of them

check: develop check-static unit ## What needs no browser: style, types, contracts, unit and integration tests

check-static: lint types contracts static-tests

lint: $(VENV)/.develop-installed ## Style (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.develop-installed ## Types (mypy strict)
	$(BIN)/mypy

contracts: $(VENV)/.develop-installed ## The dependency rule (import-linter)
	$(BIN)/lint-imports --no-cache

static-tests: $(VENV)/.develop-installed ## The browser modules: unit tests under node, types under tsc
	tools/static-tests

unit: $(VENV)/.develop-installed ## Unit, contract, golden and integration tests
	$(BIN)/python -m pytest tests -m "not e2e" -q

e2e: $(VENV)/.develop-installed ## Real browsers
	$(BIN)/python -m pytest tests -m e2e -q

screenshots: develop ## Take the pictures in docs/screenshots again
	$(BIN)/python -m tools.screenshots

bench: develop ## Run every benchmark once
	for name in join forwarding rooms recording compose chat; do $(BIN)/python -m benchmarks.$$name --json || exit 1; done

protocol: $(VENV)/.develop-installed ## Write docs/PROTOCOL.md from signaling/protocol.py
	$(BIN)/python -m tools.protocol_page

lock: $(VENV)/pyvenv.cfg ## Resolve pyproject.toml into requirements.lock
	$(BIN)/python -m pip install --quiet uv==0.13.9
	$(BIN)/python -m tools.lock

clean: ## Remove the environment and caches; data stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis node_modules test-artifacts
