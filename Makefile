# Needs only make and a python3 of at least 3.10; everything else goes into .venv.

PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
READY := .venv/ready

.PHONY: help demo test coverage quick wheel-test check docs format clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    install into .venv and run the demo (a report in demo/)"
	@echo "make test    the whole test suite, offline"
	@echo "make quick   the tests to run while working"
	@echo "make coverage    the whole test suite, with the lines that no test runs"
	@echo "make wheel-test  build the wheel, install it, use it with and without extras"
	@echo "make check   lint, formatting, types, imports between rooms, docstrings and page width"
	@echo "make docs    the documentation as a site (in site/)"
	@echo "make format  bring the code into the checked format"
	@echo "make clean   remove .venv and caches"

demo: $(READY)
	$(BIN)/dualhead demo

# One thread a process, so that two test processes on two cores do not get in each other's way.
PYTEST := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

test: $(READY)
	$(PYTEST) --cov=dualhead --cov-report=
	@echo "lines of the package that the tests run: $$($(BIN)/coverage report --format=total) %"

# The rooms whose tests are fast, and of the others the files that notice most; then run those of the room you changed.
QUICK := $(addprefix tests/,conversion data evaluation formats inspection layers reading runtime synthetic tools \
	inference/test_prediction.py inference/test_segments.py inference/test_windows.py \
	models/test_base.py models/test_golden.py models/test_registry.py \
	training/test_config.py training/test_experiment.py training/test_mixing.py training/test_objectives.py \
	training/test_schedule.py test_cli_parser.py test_graph.py test_sequence.py test_skeleton.py test_skeleton_maps.py)

quick: $(READY)
	$(PYTEST) -q -m "not slow" $(QUICK)

coverage: test
	$(BIN)/coverage report --show-missing --skip-covered

wheel-test: $(READY)
	$(BIN)/python tools/check_wheel.py

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html (its search needs a server: $(BIN)/python -m http.server -d site)"

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_docstrings.py

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf .venv site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# The stamp is written last: without it .venv is half-made, whatever it looks like, and is made anew.
$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.10 or newer, or say where it is with 'make PYTHON=/path/to/python3'" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1): dualhead needs 3.10 or newer; say where it is with 'make PYTHON=/path/to/python3'" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv and ensurepip: install them first (Debian and Ubuntu: the package python3-venv)" >&2; exit 1; }
	test -f $@ || $(PYTHON) -m venv --clear .venv
	rm -f $@
	$(BIN)/python -m pip install --quiet --constraint constraints.txt setuptools
	$(BIN)/python -m pip install --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@$(BIN)/dualhead poses --fetch || echo "the pose weights were not fetched: the tests that need them are skipped"
	@touch $@
