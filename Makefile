# make run: the app at http://localhost:8501.   make check: before each commit.   make test: everything.   make bench: the speed.
# make run HOST=0.0.0.0: the app for other machines, too.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8501
BIN := .venv/bin
PYTEST := $(BIN)/pytest -n 2 --dist worksteal
PYTEST_SLOW := $(BIN)/pytest -n 3 --dist worksteal  # many slow tests wait for processes of their own
unexport PYTHONDONTWRITEBYTECODE  # processes start faster from compiled modules

.PHONY: run check test static fix bench clean

run: .venv/run.stamp
	$(BIN)/streamlit run app.py --server.address $(HOST) --server.port $(PORT)

check: static
	$(PYTEST) -q -m "not slow"

test: static
	$(PYTEST) -m "not slow" --cov
	$(PYTEST_SLOW) -m slow --ignore tests/browser
	$(PYTEST) tests/browser

static: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

fix: .venv/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/test.stamp
	$(BIN)/python -m benchmarks --output benchmarks/RESULTS.md

clean:
	rm -rf .venv .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.venv/run.stamp: pyproject.toml requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

.venv/test.stamp: .venv/run.stamp requirements-dev.txt
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@
