# Each target sets up what it needs: Python 3.10-3.13 and make are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: quickstart test lint clean

# Trains, evaluates, exports and serves a small model on real text: about 15 minutes
# on two cores. Everything ends up in ./quickstart-results.
quickstart: $(VENV)/.quickstart
	$(BIN)/xlm-tf quickstart --output quickstart-results

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; assert (3, 10) <= sys.version_info < (3, 14), "xlm-tf needs Python 3.10-3.13, this is " + sys.version'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.%: setup.cfg | $(VENV)/bin/python
	@echo "Installing xlm-tf and what '$*' needs into $(VENV) (some 2 GB, a few minutes)"
	$(PIP) --editable '.[$*]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
