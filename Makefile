# Two commands do everything: `make drill` and `make test`. Both set up what they need, and say so.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PY := .venv/bin/python
RUNDRILL := .venv/bin/rundrill

# Two parts of one make would be in each other's way on one cluster.
.NOTPARALLEL:
# Two processors do not carry five platforms and tests beside them: two come, are broken, and go.
ON = $(PY) -m pytest -q -m 'cluster and not soak$(2)' --ignore tests/cluster/test_cluster_lifecycle.py $(1:%=--on %) tests/cluster

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
	@$(RUNDRILL) down
	@$(RUNDRILL) up --platform aia --platform aiaas
	@$(call ON,aia aiaas) -n 2 --dist loadfile
	@$(RUNDRILL) down --platform aia --platform aiaas
	@$(RUNDRILL) up --platform ai-pipeline --platform ai-data-readiness
	@$(call ON,ai-pipeline ai-data-readiness) -n 2 --dist loadfile
	@$(RUNDRILL) down --platform ai-pipeline --platform ai-data-readiness
	@$(RUNDRILL) up --platform aic-aipaas
	@$(call ON,aic-aipaas, and apart) -n 2 --dist loadfile
	@$(call ON,aic-aipaas, and not apart)
	@tests/cluster/own-machine.sh $(PY) -m pytest -q -m cluster tests/cluster/test_cluster_lifecycle.py

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
