# Two commands do everything: `make drill` and `make test`. Both set up what they need, and say so.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PY := .venv/bin/python
RUNDRILL := .venv/bin/rundrill

# Two parts of one make would be in each other's way on one cluster.
.NOTPARALLEL:

.PHONY: help setup drill gate test offline cluster-tests check bench soak up down clean lock

help:      ## this list
	@grep -hE '^[a-z-]+: .*##|^[a-z-]+:  *##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 16

setup:     ## the Python environment (.venv) that every other target uses
	@deploy/setup.sh

drill: setup  ## a cluster, the platform, one game day, a report
	@$(RUNDRILL) up --platform aic-aipaas
	@$(RUNDRILL) gameday first

gate: setup  ## the read-only checks, as a release pipeline runs them
	@$(RUNDRILL) gate

test: setup offline cluster-tests  ## every test, offline and on the cluster

offline: setup  ## the tests that need no cluster
	@deploy/test-tools.sh
	@$(PY) -m pytest -q -n 2 -m 'not cluster and not soak'

cluster-tests: setup  ## the tests on a fresh drill cluster, two platforms at a time
	@deploy/cluster-tests.sh

soak: setup  ## what takes hours: kill table, every fault, five game days
	@deploy/soak.sh

check: setup  ## ruff, ruff format, mypy strict, rundrill lint
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(RUNDRILL) lint

bench: setup  ## the figures of docs/benchmarks.md
	@$(PY) -m benchmarks

up: setup  ## the drill cluster and its platform
	@$(RUNDRILL) up

down: setup  ## nothing of the cluster stays; caches do
	@$(RUNDRILL) down

clean: down  ## down, and the environment and caches of this checkout
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache

lock: setup  ## pin the newest versions that pyproject.toml allows
	@$$([ -x .tools/bin/uv ] && echo .tools/bin/uv || echo uv) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --extra dev \
	    --python-version 3.12 --upgrade pyproject.toml -o requirements.lock
