# make run: the app at http://localhost:8501.   make test: everything that is checked.
PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin

.PHONY: run test fix clean

run: .venv/run.stamp
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy lmcore
	$(BIN)/pytest

fix: .venv/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/run.stamp: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

.venv/test.stamp: .venv/run.stamp requirements-dev.txt requirements-cluster.txt
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@
