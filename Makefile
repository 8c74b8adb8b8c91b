# Every target sets itself up in .venv, with no more than it needs; nothing but make and Python 3.11 or
# newer has to be there.

VENV := .venv
PY := $(VENV)/bin/python
# what is there to use it, to test it, and to work on it
STAMP := $(VENV)/.installed
TESTED := $(VENV)/.installed-test
DEV := $(VENV)/.installed-dev
MUTANTS := $(VENV)/.installed-mutants
DOCS := $(VENV)/.installed-docs
TORCH_FREE := $(VENV)/.installed-torch-free
IS_NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name $(IS_NEW_ENOUGH) 2>/dev/null && { echo $$name; break; }; done)

# one thread a process: results do not depend on the number of cores
export OMP_NUM_THREADS := 1
PYTEST := $(PY) -m pytest -q -n 2
PIP := $(PY) -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test fault test-optimized test-torch-free coverage mutants search slow check docs venv install clean

help:
	@echo "make demo            train on a pump station's log, forecast it, draw it (about 3 minutes after the install)"
	@echo "make test            the fast tests"
	@echo "make check           lint, format and types"
	@echo "make search          the fast tests of rules, with new random examples"
	@echo "make slow            the tests that take more than a few seconds each"
	@echo "make test-optimized  the fast tests under python -O"
	@echo "make test-torch-free the fast tests of what needs no torch, in an environment without it"
	@echo "make coverage        the fast tests, and which lines of the package they leave out"
	@echo "make mutants         whether the tests notice mistakes that are put into the package (an hour)"
	@echo "make docs            run the code of all pages and examples, build the site into site/"
	@echo "make clean           remove .venv and caches"

demo: $(STAMP)
	@set -e; run="runs/demo-$$(date -u +%Y%m%dT%H%M%S)"; \
	$(PY) cli.py train datasets/pump_station.csv --id-column sensor_id --time-column timestamp \
		--max-time 2m --out "$$run"; \
	$(PY) cli.py forecast "$$run" --horizon 6h; \
	echo "The forecast beside the log, and how training went:"; \
	$(PY) cli.py plot "$$run"

test: $(TESTED)
	$(PYTEST)

fault: $(TESTED)
	$(PYTEST) -m fault

search: $(TESTED)
	$(PYTEST) -m "hypothesis and not slow and not fault" --hypothesis-profile=search
	$(PYTEST) -m fault tests/faults/test_histories.py tests/faults/test_random_kills.py --hypothesis-profile=search

slow: $(TESTED)
	$(PYTEST) -m slow

# through the environment, so that the workers of xdist run optimized too
test-optimized: $(TESTED)
	PYTHONOPTIMIZE=1 $(PYTEST) -W "ignore:assertions not in test modules:pytest.PytestConfigWarning"

# settings, reading, files, scores, pictures and the commands that load no model
test-torch-free: $(TORCH_FREE)
	PYTHONPATH=tests/helpers $(PYTEST) -p without_torch \
		tests/config tests/data tests/evaluation tests/files tests/plot tests/results \
		tests/cli/test_program.py tests/cli/test_reading.py tests/cli/test_settings.py \
		tests/test_architecture.py tests/test_datasets.py tests/test_reservoirs.py tests/test_packaging.py

coverage: $(TESTED)
	$(PYTEST) --cov=latentode --cov-report=term-missing:skip-covered --cov-fail-under=98

# a sample by seed, which goes on where it was ended
SEED := 0
SAMPLE := 60
mutants: $(MUTANTS)
	$(PY) -m benchmarks.mutants --seed $(SEED) --sample $(SAMPLE)

# examples run again where they were changed, all of them after make clean; in full with LATENTODE_EXAMPLES=full
docs: $(DOCS)
	$(PY) -m sphinx --fail-on-warning --keep-going --quiet -c docs/sphinx . site
	$(PYTEST) -m page tests/docs
	$(PY) tests/helpers/page_blocks.py
	@echo "site/index.html"

check: $(DEV)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

install: $(DEV)

$(STAMP): pyproject.toml | venv
	$(PIP) -e .
	@touch $@

$(TESTED): pyproject.toml | venv
	$(PIP) -e '.[test]'
	@touch $@

$(DEV): pyproject.toml | venv
	$(PIP) -e '.[dev]'
	@touch $@

$(DOCS): pyproject.toml | venv
	$(PIP) -e '.[docs]'
	@touch $@

$(MUTANTS): pyproject.toml | venv
	$(PIP) -e '.[mutants]'
	@touch $@

WITHOUT_TORCH := import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	extras = project["optional-dependencies"]; \
	needs = [*project["dependencies"], *extras["test"]]; \
	print(*[need for need in needs if not need.startswith(("torch", "latentode"))], sep="\n")

$(TORCH_FREE): pyproject.toml | venv
	$(PIP) --no-deps -e .
	$(PY) -c '$(WITHOUT_TORCH)' | $(PIP) -r /dev/stdin
	@touch $@

venv:
	@$(PY) $(IS_NEW_ENOUGH) 2>/dev/null && exit; \
	test -n "$(PYTHON)" && $(PYTHON) $(IS_NEW_ENOUGH) || { \
		echo "latentode needs Python 3.11 or newer, and none was found." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }; \
	$(PYTHON) -m venv --clear $(VENV) || { \
		echo "$(PYTHON) cannot make a virtual environment; on Debian: apt install python3-venv" >&2; \
		exit 1; }

clean:
	rm -rf .venv .venv-* site docs/gallery .pytest_cache .mypy_cache .ruff_cache .hypothesis .mutants
