# `make help` lists what there is. Needs any Python >= 3.12 and a POSIX shell; everything else is installed into .venv.

SHELL := /bin/sh
PY := .venv/bin/python
TEST_PROCESSES ?= auto
DEMO ?=

.DEFAULT_GOAL := help
.PHONY: help demo up test test-long check bench fmt lock clean

help: ## Show this list
	@grep -E '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{ printf "  make %-9s %s\n", $$1, $$2 }'

demo: .venv/.runtime ## A simulated city lives through a dinner rush, in its own world, in under two minutes
	$(PY) -m application.cli demo $(DEMO)

up: .venv/.runtime ## Run everything on this machine until Ctrl-C
	$(PY) -m application.cli up

test: .venv/.dev ## All tests, on real PostgreSQL and Valkey from wheels
	$(PY) -m pytest -n $(TEST_PROCESSES) --dist worksteal -q

test-long: .venv/.dev ## The tests that kill and tamper, as often as it takes to believe them
	TIFFIN_KILLS=50 TIFFIN_TAMPERINGS=1000 $(PY) -m pytest -q -s tests/application/test_store_crash.py tests/application/seals
	TIFFIN_OUTAGES=3,10,30 TIFFIN_CUTS=500 TIFFIN_WORKER_KILLS=10 TIFFIN_FRAMES=100000 TIFFIN_BREAKS=50 \
		$(PY) -m pytest -q -s tests/faults

check: .venv/.dev ## Lint, format, types, import contracts
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --config pyproject.toml

bench: .venv/.runtime ## Whole order lifecycles at a fixed rate, over HTTP
	$(PY) -m benchmarks.lifecycle

fmt: .venv/.dev ## Format and apply safe fixes
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

lock: ## Renew the hashed locks from pyproject.toml
	tools/bootstrap lock

clean: ## Remove the environments and caches (`tiffin reset` empties the data)
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/.runtime: requirements.txt pyproject.toml tools/bootstrap tools/find-python
	tools/bootstrap runtime

.venv/.dev: requirements-dev.txt pyproject.toml tools/bootstrap tools/find-python
	tools/bootstrap dev
