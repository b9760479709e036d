# `make demo` needs Python 3.11 or newer and npm; `make page` also Node.js 20.19, `make test` Chromium.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
READY := $(VENV)/.ready
NATIVE := $(VENV)/.native
PIP := $(BIN)/pip install --quiet -c constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# Eileen Collins, NASA, public domain; scikit-image carries it, and is not needed for it.
PHOTOGRAPH := demo/astronaut.png
UNPACK_PHOTOGRAPH := import glob, zipfile; open('$(PHOTOGRAPH)', 'wb').write(zipfile.ZipFile(*glob.glob('demo/*.whl')).read('skimage/data/astronaut.png'))

PAGE := anymask/engine/static/index.html
PAGED := $(VENV)/.paged
LABELS := $(VENV)/.labels
FOLDER ?= .

WEB_READY := web/node_modules/.ready
WEB_SOURCES := $(shell find web/src -type f) $(wildcard web/*.html) web/vite.config.ts

.PHONY: setup demo web page annotate browser check format test test-all bench docs schema constraints clean

# What segmenting takes, by words too: torch and little else. Python compiles what it uses when it
# uses it.
$(RUNS): pyproject.toml constraints.txt
	@echo "installing anymask and torch into $(VENV): 1.2 GB, about half a minute once they are downloaded"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --no-compile -e '.[text]'
	@$(BIN)/anymask weights pull anymask-small || echo "default weights not fetched: tests that need them will be skipped"
	@touch $@

# Loops that need a C compiler, and that everything goes without (docs/adr/0027).
$(NATIVE): $(wildcard native/*.* native/anymask_native/*.*) | $(RUNS)
	@$(PIP) ./native 2> $(VENV)/native.log \
		|| echo "no compiled loops, the same masks take longer: $(VENV)/native.log says why"
	@touch $@

# All that the tests and benchmarks take besides, 1.6 GB more.
# segment-anything asks for torchvision, which would replace the CPU build of torch: no dependencies.
setup: $(READY) $(NATIVE)

$(READY): $(RUNS)
	@echo "installing what tests and benchmarks need: 1.6 GB"
	@$(PIP) -e '.[engine,ray,train,evaluate,dev]'
	@$(PIP) --no-deps segment-anything
	@touch $@

$(PHOTOGRAPH): | $(RUNS)
	@mkdir -p demo
	@$(BIN)/pip download --quiet --no-deps --only-binary :all: -c constraints.txt -d demo scikit-image
	@$(BIN)/python -c "$(UNPACK_PHOTOGRAPH)" && rm demo/*.whl

demo: $(RUNS) $(NATIVE) $(PHOTOGRAPH)
	@$(BIN)/anymask segment $(PHOTOGRAPH) --point 220,100 --out demo/click.png
	@$(BIN)/anymask masks $(PHOTOGRAPH) --fast --format overlay --out demo/everything
	@echo "demo/click.png: a click on the astronaut's face may mean three things."
	@echo "demo/everything/astronaut.jpg: everything in the photograph."
	@echo "To label a folder of images in the browser: make annotate FOLDER=photos/"

# The page, which becomes a part of the package, and the library alone (web/dist).
web: $(PAGE)

$(WEB_READY): web/package.json web/package-lock.json
	@echo "installing what the page is built with: 330 MB"
	@npm --prefix web ci --no-audit --no-fund --loglevel=error
	@touch $@

$(PAGE): $(WEB_READY) $(WEB_SOURCES)
	@npm --prefix web run --silent build
	@touch $@

# `anymask web`, with all that it takes.
page: $(PAGED) $(NATIVE) $(PAGE) $(PHOTOGRAPH)
	@$(BIN)/anymask web $(PHOTOGRAPH)

$(PAGED): $(RUNS)
	@echo "installing what the page takes: 0.2 GB"
	@$(PIP) --no-compile -e '.[web]'
	@touch $@

# `anymask annotate`, with all that it takes.
annotate: $(LABELS) $(NATIVE) $(PAGE)
	@$(BIN)/anymask annotate $(FOLDER)

$(LABELS): $(RUNS)
	@echo "installing what annotating takes: 0.2 GB"
	@$(PIP) --no-compile -e '.[engine]'
	@touch $@

# A browser for the tests: $$CHROMIUM, or the system's package where we may install it.
browser:
	@test -n "$$CHROMIUM" || command -v chromium > /dev/null \
	|| { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium > /dev/null; } \
	|| { echo "the browser's tests need Chromium: install the package chromium, or set CHROMIUM to its path"; exit 1; }

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

# The page's types of the server's HTTP, from the server.
schema: setup $(WEB_READY)
	$(BIN)/python web/schema.py

# Record what the tests ran with, after trying newer versions.
constraints: setup
	$(BIN)/pip freeze --exclude-editable --exclude anymask-native | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf $(VENV) native/build native/*.egg-info web/node_modules web/dist anymask/engine/static .mypy_cache .pytest_cache .ruff_cache .hypothesis
