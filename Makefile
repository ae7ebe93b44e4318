# Requirements of a new machine: git, make and Python 3.11 or newer with venv.
# `make demo` runs the main job on examples; `make test` runs every check of CI.

UV_VERSION := 0.13.9
VENV       := .venv
PY         := $(VENV)/bin/python
UV         := $(VENV)/.uv/bin/uv
DEMO_OUT   := docmill-out/documents
PROCESSES  ?= 3
SOURCES    := workflows activities docmill worker.py starter.py server.py tests bench examples docs/images docs/reference

# The first of these that is new enough creates the environment; `make PYTHON=/path` overrides it.
PYTHON     ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

# With PYTHONDONTWRITEBYTECODE, each process would compile all its imports, which is half of its
# start time. Unchanged files are not compiled again.
COMPILE = $(PY) -m compileall -q docmill workflows activities worker.py starter.py server.py

PYTEST  = $(PY) -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help demo setup test unit integration acceptance wheel audit test-all chaos e2e e2e-observability lint format types pytest bench docs images clean

help:                   ## show these targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /  make \1	/p' Makefile | expand -t 26

# The demo's folder contains one broken file on purpose, for which `run` exits with code 1.
demo: $(VENV)/.run      ## set up the environment, parse examples/documents, show the result
	@$(COMPILE)
	@$(PY) starter.py run examples/documents --out $(DEMO_OUT) || test $$? -eq 1
	@echo
	@echo "Read the report:    $(CURDIR)/$(DEMO_OUT)/report.html"
	@echo "Your own folder:    $(PY) starter.py run FOLDER"

setup: $(VENV)/.run     ## set up only the environment for running Docmill
	@$(COMPILE)

test: needs lint types pytest  ## set up the environment, run the whole test suite

.PHONY: needs
needs: $(VENV)/.dev
	@$(COMPILE)
	@$(PY) tests/needs.py

wheel: $(VENV)/.dev $(VENV)/.audit/.done  ## build the wheel of the command `docmill` into dist/, with its bill of materials
	@$(PY) -m hatchling build -t wheel
	@$(UV) export --quiet --locked --no-dev | $(VENV)/.audit/bin/cyclonedx-py requirements - \
		--pyproject pyproject.toml --output-reproducible --output-file dist/docmill.cdx.json

audit: $(VENV)/.run $(VENV)/.audit/.done  ## check packages for known vulnerabilities, and their licences
	@$(VENV)/.audit/bin/python tests/audit.py

test-all: export DOCMILL_TEST_ALL := 1
test-all: test          ## run the test suite with every seed, mutant and schedule (slow)

# The tiers of tests/fixtures/tiers.py; `make test` runs all of them.
unit: TIER = unit
unit: tier              ## run tests of one process: no server, no child process, under a minute

integration: TIER = integration
integration: tier       ## run tests of a package with databases, Temporal, engine processes

acceptance: TIER = acceptance
acceptance: tier        ## run tests of Docmill as users run it: commands, SDKs, browser, upgrades

.PHONY: tier
tier: needs
	@$(PYTEST) -m $(TIER)

# A failed seed prints the command that repeats it. FROM is the first seed.
chaos: export DOCMILL_CHAOS := $(or $(N),10)
chaos: export DOCMILL_CHAOS_FROM := $(or $(FROM),1)
chaos: $(VENV)/.dev     ## run the chaos tests with N seeds: make chaos N=100
	@$(PY) -m pytest tests/chaos -q

# It needs a Docker engine, docker-compose, root and, the first time, debootstrap and the network.
e2e: $(VENV)/.dev       ## build the images, run the compose file, break it while a batch runs
	@$(PY) -m tests.e2e --page docs/explanation/end-to-end.md

e2e-observability: $(VENV)/.dev ## run the compose file with Prometheus and traces, let an alert fire
	@$(PY) -m tests.e2e --observability --page docs/explanation/end-to-end.md

lint: $(VENV)/.dev      ## check style and format
	@$(VENV)/bin/ruff check $(wildcard $(SOURCES))
	@$(VENV)/bin/ruff format --check --quiet $(wildcard $(SOURCES))

format: $(VENV)/.dev    ## fix style and format
	@$(VENV)/bin/ruff check --fix $(wildcard $(SOURCES))
	@$(VENV)/bin/ruff format $(wildcard $(SOURCES))

types: $(VENV)/.dev     ## check types (strict)
	@$(VENV)/bin/mypy

pytest: $(VENV)/.dev
	@$(PYTEST)

bench: $(VENV)/.dev     ## compare Docmill with the limits of this machine: make bench FIGURES=noop,pdfs
	@$(PY) -m bench $(FIGURES) --rounds $(or $(ROUNDS),5)

docs: $(VENV)/.dev      ## generate the reference pages from the code
	@PYTHONPATH=. $(PY) docs/reference/generate.py

images: $(VENV)/.dev    ## generate the README's pictures from a real run
	@$(PY) docs/images/make.py

clean:                  ## delete the environment and all caches, but no results or homes
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

# uv has a small separate environment inside .venv, so that a sync cannot remove it.
$(UV): Makefile
	@test -n "$(PYTHON)" || { echo "Docmill needs Python 3.11 or newer. On Debian or Ubuntu:" \
		"sudo apt-get install python3 python3-venv" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is" \
		"missing. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV): this downloads about 200 MB, once"
	@test -x $(PY) || "$(PYTHON)" -m venv --without-pip $(VENV)
	@"$(PYTHON)" -m venv $(VENV)/.uv
	@$(VENV)/.uv/bin/python -m pip install --quiet uv==$(UV_VERSION)
	@touch $@

$(VENV)/.run: $(UV) pyproject.toml uv.lock
	@$(UV) sync --quiet --locked --inexact --no-dev --compile-bytecode
	@touch $@

$(VENV)/.dev: $(UV) pyproject.toml uv.lock
	@echo "Setting up what the tests need"
	@$(UV) sync --quiet --locked --compile-bytecode
	@touch $(VENV)/.run $@

# A separate environment, so that the tools do not affect the versions of Docmill's packages.
$(VENV)/.audit/.done: $(UV) pyproject.toml uv.lock
	@UV_PROJECT_ENVIRONMENT=$(VENV)/.audit $(UV) sync --quiet --locked --only-group audit
	@touch $@
