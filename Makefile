# `make demo` needs Python 3.11 or newer and npm; `make test` also Node.js 20.19 and Chromium.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# Eileen Collins, NASA, public domain; scikit-image carries it.
FIND_PHOTOGRAPH := import pathlib, skimage; print(pathlib.Path(skimage.__file__).parent / 'data' / 'astronaut.png')

WEB_READY := web/node_modules/.ready
WEB_SOURCES := $(shell find web/src -type f) web/index.html web/test.html web/vite.config.ts

.PHONY: setup demo web browser check format test test-all bench docs constraints clean

setup: $(READY)

# segment-anything asks for torchvision, which would replace the CPU build of torch: no dependencies.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[torch,export,ray,demo,train,evaluate,dev]'
	$(BIN)/pip install --quiet -c constraints.txt --no-deps segment-anything
	$(BIN)/anymask weights pull mobile-sam || echo "default weights not fetched: tests that need them will be skipped"
	touch $@

# The page and the library for the browser, built into web/dist.
web: web/dist/index.html

$(WEB_READY): web/package.json web/package-lock.json
	npm --prefix web ci --no-audit --no-fund --loglevel=error
	touch $@

web/dist/index.html: $(WEB_READY) $(WEB_SOURCES)
	npm --prefix web run build
	touch $@

# A browser for the tests: $$CHROMIUM, or the system's package where we may install it.
browser:
	@test -n "$$CHROMIUM" || command -v chromium > /dev/null \
	|| { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium > /dev/null; } \
	|| { echo "the browser's tests need Chromium: install the package chromium, or set CHROMIUM to its path"; exit 1; }

demo: setup
	@mkdir -p demo && photograph=$$($(BIN)/python -c "$(FIND_PHOTOGRAPH)") \
	&& $(BIN)/anymask segment "$$photograph" --point 220,100 --out demo/astronaut.png \
	&& echo "A click on the astronaut's face may mean three things: look at demo/astronaut.png"

check: setup $(WEB_READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	npm --prefix web run check

format: setup $(WEB_READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	npm --prefix web run format

test: setup web browser
	npm --prefix web test
	ANYMASK_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow and not network" -n 2 --dist worksteal

test-all: setup web browser
	npm --prefix web test
	$(BIN)/pytest

bench: setup
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/decoder.py

# The page of commands from the commands themselves, the picture of the house from its imports.
docs: setup
	$(BIN)/typer anymask.cli.main utils docs --name anymask --output docs/cli.md
	$(BIN)/python docs/architecture.py

# Record what the tests ran with, after trying newer versions.
constraints: setup
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf $(VENV) web/node_modules web/dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
