# Every target does all of its own set-up. `make` alone lists them.
#
#   PYTHON=python3.12 make demo    with another Python (3.11 or newer)
#   JOBS=8 make test               with as many processes
#   ARGS='-k renew' make test      with more options for pytest

PYTHON ?= python3
JOBS ?= 4
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools

export PYTHON
# Tests and benchmarks start many processes: none of them should compile it all anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench schemas clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

setup: $(READY) ## Install the package into .venv

demo: $(READY) ## Sandbox, plan, apply, plan again, verify: the whole loop in a minute
	@$(PY) -m reconciler.cli demo $(ARGS)

test: $(TOOLS) ## Install the real servers where that is allowed, then test everything
	@sh scripts/servers.sh
	$(PY) -m pytest -n $(JOBS) --dist worksteal $(ARGS)

lint: $(TOOLS) ## Formatting, lint, types and layers
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

bench: $(TOOLS) ## Print the numbers the design promises, and write them as JSON
	@sh scripts/servers.sh
	$(PY) -m benchmarks $(ARGS)

schemas: $(READY) ## Write schemas/ and docs/errors.md from the models
	$(PY) -m reconciler.cli schema --write schemas
	$(PY) scripts/error_codes.py > docs/errors.md

clean: ## Remove what the other targets made
	rm -rf $(VENV) .sandbox build dist *.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Installed again only where what is to be installed has changed.
$(READY): pyproject.toml constraints.txt scripts/venv.sh
	@sh scripts/venv.sh $(VENV)
	@echo 'installing the package into $(VENV) ...' >&2
	@$(PIP) install --quiet -c constraints.txt hatchling editables
	@$(PIP) install --quiet -c constraints.txt --no-build-isolation --editable '.[sandbox]'
	@touch $@

$(TOOLS): $(READY) scripts/dev_tools.py
	@echo 'installing the development tools into $(VENV) ...' >&2
	@$(PY) scripts/dev_tools.py > $(VENV)/tools.txt
	@$(PIP) install --quiet -c constraints.txt -r $(VENV)/tools.txt
	@touch $@
