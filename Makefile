# Everything a fresh machine needs is git, make and Python 3.11 or newer with venv.
# `make demo` shows the main job; `make test` runs every check that CI runs.

UV_VERSION := 0.13.9
VENV       := .venv
PY         := $(VENV)/bin/python
UV         := $(VENV)/.uv/bin/uv
DEMO_OUT   := docmill-out/documents
PROCESSES  ?= 2
SOURCES    := workflows activities docmill worker.py starter.py server.py tests bench examples docs/images docs/reference

# The first of these that is new enough makes the environment; `make PYTHON=/path` overrides.
PYTHON     ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

# Where PYTHONDONTWRITEBYTECODE is set, each process would compile all that it imports, which is
# half of its start; what has not changed is not compiled again.
COMPILE = $(PY) -m compileall -q docmill workflows activities worker.py starter.py server.py

PYTEST  = $(PY) -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help demo setup test unit integration acceptance wheel audit test-all chaos lint format types pytest bench docs images clean

help:                   ## show these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1	/p' Makefile | expand -t 20

# The demo's folder holds one broken file on purpose: exit code 1 of `run` says just that.
demo: $(VENV)/.run      ## set everything up, parse examples/documents, show the result
	@$(COMPILE)
	@$(PY) starter.py run examples/documents --out $(DEMO_OUT) || test $$? -eq 1
	@echo
	@echo "Read the report:    $(CURDIR)/$(DEMO_OUT)/report.html"
	@echo "Your own folder:    $(PY) starter.py run FOLDER"

setup: $(VENV)/.run     ## only set up what running needs
	@$(COMPILE)

test: needs lint types pytest  ## set everything up, run the whole test suite

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
test-all: test          ## the same with every seed, mutant and schedule: takes long

# The tiers of tests/fixtures/tiers.py; each is a part of what `make test` runs.
unit: TIER = unit
unit: tier              ## tests of one process: no server, no child process, under a minute

integration: TIER = integration
integration: tier       ## tests of a package with databases, Temporal, engine processes

acceptance: TIER = acceptance
acceptance: tier        ## tests of Docmill as users run it: commands, SDKs, browser, upgrades

.PHONY: tier
tier: needs
	@$(PYTEST) -m $(TIER)

# A failing seed prints the command that tries it again. FROM is the first seed.
chaos: export DOCMILL_CHAOS := $(or $(N),10)
chaos: export DOCMILL_CHAOS_FROM := $(or $(FROM),1)
chaos: $(VENV)/.dev     ## kill and damage with N seeds: make chaos N=100
	@$(PY) -m pytest tests/chaos -q

lint: $(VENV)/.dev      ## style and format
	@$(VENV)/bin/ruff check $(wildcard $(SOURCES))
	@$(VENV)/bin/ruff format --check --quiet $(wildcard $(SOURCES))

format: $(VENV)/.dev    ## correct style and format
	@$(VENV)/bin/ruff check --fix $(wildcard $(SOURCES))
	@$(VENV)/bin/ruff format $(wildcard $(SOURCES))

types: $(VENV)/.dev     ## strict type check
	@$(VENV)/bin/mypy

pytest: $(VENV)/.dev
	@$(PYTEST)

bench: $(VENV)/.dev     ## measure Docmill beside the limits of this machine: make bench FIGURES=noop,pdfs
	@$(PY) -m bench $(FIGURES) --rounds $(or $(ROUNDS),5)

docs: $(VENV)/.dev      ## bring the reference pages up to date with the code
	@PYTHONPATH=. $(PY) docs/reference/generate.py

images: $(VENV)/.dev    ## make the README's pictures from a real run
	@$(PY) docs/images/make.py

clean:                  ## remove the environment and all caches; results and homes stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

# uv lives in a small environment of its own inside .venv: syncing cannot remove it.
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

# In an environment of its own: the tools must not decide which versions Docmill gets.
$(VENV)/.audit/.done: $(UV) pyproject.toml uv.lock
	@UV_PROJECT_ENVIRONMENT=$(VENV)/.audit $(UV) sync --quiet --locked --only-group audit
	@touch $@
