# `make run` does the main job, `make test` passes the tests. Each installs what it needs into .venv first.
VENV ?= .venv
CLASS ?= T1O0P1S0
NET ?= bert

# The interpreter: PYTHON if given, else the first of these that starts, is 3.11 or newer and can make environments.
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11 python
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(CANDIDATES); do $$p -c '$(USABLE)' >/dev/null 2>&1 && { echo $$p; break; }; done)

PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --quiet

.PHONY: run test test-browser test-slow campaign lint format bench docs docs-outputs wheel clean

run: $(VENV)/.installed
	$(VENV)/bin/flexloop run --class $(CLASS) --net $(NET)

# Some tests start flexloop in processes of its own: PYTHONDONTWRITEBYTECODE, where it is set, would have each compile it.
test test-browser test-slow campaign: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.installed-dev # kernels first, so that no two of pytest's processes translate the same
	$(VENV)/bin/flexloop warm --quiet
	$(VENV)/bin/python -m pytest

test-browser: $(VENV)/.installed-dev # the report in Chromium
	$(VENV)/bin/python -m pytest -m browser

test-slow: $(VENV)/.installed-dev # what takes too long for every change: processes that are killed, long pages of the documentation
	$(VENV)/bin/python -m pytest -m slow

campaign: $(VENV)/.installed-dev # wrong inputs to every reader, and random searches against lists of all mappings, others every time
	FLEXLOOP_FUZZ=100 $(VENV)/bin/python -m pytest -m "" tests/test_fuzz.py
	HYPOTHESIS_PROFILE=campaign $(VENV)/bin/python -m pytest -m hypothesis --ignore=tests/test_fuzz.py
	PYTHONPATH=tests $(VENV)/bin/python tests/campaign.py --first "$$(date +%s)"

lint: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# Those that end within minutes; benchmarks/README.md has the others.
BENCHMARKS := $(filter-out benchmarks/_% benchmarks/designs.py benchmarks/quality.py benchmarks/scaling.py benchmarks/fault_table.py benchmarks/load.py,$(wildcard benchmarks/*.py))

bench: $(VENV)/.installed-dev
	for script in $(BENCHMARKS); do $(VENV)/bin/python "$$script" || exit 1; done

docs: $(VENV)/.installed-dev # the site, into build/site
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict --quiet

docs-outputs: $(VENV)/.installed-dev # what the blocks of the documentation print, written into the pages
	PYTHONPATH=tools $(VENV)/bin/python -m docsite.run --write $(PAGES)

wheel: $(VENV)/.installed-dev
	$(VENV)/bin/python -m hatchling build --target wheel

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find flexloop tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { \
	  echo "no usable Python: flexloop needs Python 3.11 or newer with venv and pip (Debian: apt install python3-venv)," >&2; \
	  echo "then run make again, or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --editable '.[dev]'
	@touch $(VENV)/.installed $@
