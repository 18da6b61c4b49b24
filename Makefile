# Each target sets up what it needs: Python 3.10-3.13 and make are enough.
PYTHON ?= python3
VENV ?= .venv
# The peers (torch, transformers) are kept out of the package's own environment.
PEERS_VENV ?= $(VENV)-peers
BIN := $(VENV)/bin
# A file's tests share what they make; files are begun in the order of tests/conftest.py.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: quickstart test test-gpu test-newest test-notebooks test-peers test-slow \
	notebooks lint clean

# Trains, evaluates, exports and serves a small model on real text: about 5 minutes
# on two cores. Everything ends up in ./quickstart-results.
quickstart: $(VENV)/.quickstart
	$(BIN)/xlm-tf quickstart --output quickstart-results

test: $(VENV)/.test
	$(BIN)/python -m pytest $(PARALLEL) -m 'not slow'

# Whole trainings, killed and resumed, on several workers; the quickstart; a wheel.
test-slow: $(VENV)/.test
	$(BIN)/python -m pytest $(PARALLEL) -m slow

# The notebooks as they stand, from a clean state; `notebooks` makes their outputs anew.
test-notebooks: $(VENV)/.test
	cd notebooks && $(abspath $(BIN))/python -m pytest --nbmake --nbmake-timeout=900 \
		-n 2 -c /dev/null --rootdir . *.ipynb

notebooks: $(VENV)/.test
	cd notebooks && $(abspath $(BIN))/jupytext --to ipynb --execute *.py

# On a machine with an NVIDIA GPU; elsewhere the suite skips them.
test-gpu: $(VENV)/.test $(VENV)/.gpu
	CUDA_VISIBLE_DEVICES=0 $(BIN)/python -m pytest tests/gpu

# What is skipped without the peers, and that alone; a peer that is missing is an error.
test-peers:
	$(MAKE) $(PEERS_VENV)/.peers VENV=$(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pytest $(PARALLEL) -m parity --peers

# The newest releases that setup.cfg allows, and what depends on private names of theirs.
test-newest: $(VENV)/bin/python
	$(PIP) --upgrade --upgrade-strategy eager --editable '.[test]'
	$(BIN)/python -m pytest tests/test_private_keras.py tests/test_registration.py \
		tests/layers tests/models tests/text tests/training

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
	rm -rf $(VENV) $(PEERS_VENV) build dist *.egg-info
