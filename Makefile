# `make demo` and `make test` need Python 3.11 or newer and npm, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# Eileen Collins, NASA, public domain; scikit-image carries it.
FIND_PHOTOGRAPH := import pathlib, skimage; print(pathlib.Path(skimage.__file__).parent / 'data' / 'astronaut.png')

.PHONY: setup demo check format test test-all bench docs constraints clean

setup: $(READY)

# segment-anything asks for torchvision, which would replace the CPU build of torch: no dependencies.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[torch,export,ray,demo,dev]'
	$(BIN)/pip install --quiet -c constraints.txt --no-deps segment-anything
	$(BIN)/anymask weights pull mobile-sam || echo "default weights not fetched: tests that need them will be skipped"
	touch $@

demo: setup
	@mkdir -p demo && photograph=$$($(BIN)/python -c "$(FIND_PHOTOGRAPH)") \
	&& $(BIN)/anymask segment "$$photograph" --point 220,100 --out demo/astronaut.png \
	&& echo "A click on the astronaut's face may mean three things: look at demo/astronaut.png"

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: setup
	ANYMASK_OFFLINE=1 $(BIN)/pytest -m "not slow and not network"

test-all: setup
	$(BIN)/pytest

bench: setup
	$(BIN)/python benchmarks/latency.py

# The page of commands, from the commands themselves.
docs: setup
	$(BIN)/typer anymask.cli.main utils docs --name anymask --output docs/cli.md

# Record what the tests ran with, after trying newer versions.
constraints: setup
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
