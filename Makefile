# Every command of this repository has its one definition here; hooks and CI call these.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
SERVICES := observer orienter decider actor recorder injector
SHIPPED := libs/common cli $(addprefix services/,$(SERVICES))
MEMBERS := $(SHIPPED) testbed/cluster testbed/shop
SOURCES := $(addsuffix /src,$(MEMBERS)) tests benchmarks
SHELL_SCRIPTS = $(shell git ls-files -- '*.sh' .ci/run testbed/images | xargs grep -lE '^\#!.*\b(ba)?sh' --)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.venv/.installed: requirements.lock $(addsuffix /pyproject.toml,$(MEMBERS))
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer with venv is needed (Debian: apt-get install python3-venv); or name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation $(addprefix -e ,$(MEMBERS))
	@touch $@

.PHONY: setup
setup: .venv/.installed ## make the Python environment in .venv

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-config \
  --no-emit-index-url --no-emit-find-links --no-header --no-annotate $(addprefix --no-emit-package ooda-,common cli $(SERVICES) testbed shop)

.PHONY: lock
lock: setup ## resolve the dependencies again into the hashed lock files
	$(LOCK) pyproject.toml --group dev -o requirements.lock
	$(LOCK) testbed/shop/pyproject.toml -o testbed/shop/requirements.lock
	$(LOCK) $(addsuffix /pyproject.toml,$(SHIPPED)) --constraints requirements.lock -o services/requirements.lock

PEOPLE := operator

.PHONY: nats-accounts
nats-accounts: setup ## render the accounts of NATS again from the topology
	$(BIN)/ooda-bootstrap accounts $(addprefix --person=,$(PEOPLE)) > k8s/base/nats/accounts.conf

.PHONY: check
check: setup ## lint, types, import rules, shell scripts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports
	$(BIN)/shellcheck $(SHELL_SCRIPTS)

.PHONY: format
format: setup ## format the code and apply the safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

TESTBED := $(BIN)/ooda-testbed

.PHONY: doctor
doctor: setup ## print what this machine and the cluster can do
	@$(TESTBED) doctor

.PHONY: images
images: setup ## have every image: pulled where a registry can be reached, else built
	@$(TESTBED) images

.PHONY: cluster
cluster: setup ## have a kind cluster: one control plane, two workers
	@$(TESTBED) up

.PHONY: platform
platform: setup ## have NATS, Postgres and Prometheus on the cluster
	@$(TESTBED) platform

.PHONY: shop
shop: setup ## have the shop on the cluster, with customers who buy
	@$(TESTBED) shop

.PHONY: agent
agent: setup ## have the agent on the cluster: image, passwords, schema, five services
	@$(TESTBED) agent

.PHONY: injector
injector: setup ## have the injector beside agent and shop, allowed to break the shop
	@$(TESTBED) injector

.PHONY: injector-only
injector-only: setup ## have the injector beside the shop, without the agent
	@$(TESTBED) injector --alone

.PHONY: compose
compose: setup ## have the agent in containers of this machine, beside the cluster or for OODA_KUBECONFIG
	@$(TESTBED) compose

.PHONY: compose-down
compose-down: setup ## remove those, their volumes, and what was made for them in the cluster
	@$(TESTBED) compose-down

.PHONY: demo
demo: setup ## have everything, break the shop four ways, watch the agent heal it
	@$(TESTBED) demo

.PHONY: down
down: cluster-down ## the same as cluster-down

.PHONY: cluster-down
cluster-down: setup ## remove the cluster and all that was made for it; images stay cached
	@$(TESTBED) down

.PHONY: purge
purge: setup ## cluster-down, and remove the built images and their cache too
	@$(TESTBED) down --purge

PYTEST := $(BIN)/pytest
FAST := tests/unit tests/component tests/contract tests/integration
SAMPLED := -m "not faults"

.PHONY: test-servers
test-servers: setup
	@scripts/install-test-servers.sh
	@$(TESTBED) programs

.PHONY: test-fast
test-fast: test-servers ## the tests that need no cluster: real NATS, Postgres, Redis, API server as processes
	$(PYTEST) $(SAMPLED) $(FAST)

.PHONY: test-faults
test-faults: test-servers injector ## the rest of the tables that are too long for each change
	$(PYTEST) -m faults tests

.PHONY: kill-matrix
kill-matrix: test-servers ## kill the injector's parts at every write of every scenario; writes docs/kill-matrix.md
	PYTHONPATH=tests $(BIN)/python benchmarks/kill_matrix.py

.PHONY: e2e
e2e: injector ## the tests on the cluster; they leave one without shop and agent
	$(PYTEST) $(SAMPLED) tests/e2e

.PHONY: test
test: check test-servers injector ## checks, fast tests, the cluster and its tests
	$(PYTEST) $(SAMPLED) tests
