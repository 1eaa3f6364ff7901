# make lab    set up once, then open your copies of the notebooks in JupyterLab (ARGS=--masters: those with solutions)
# make check  format, lint, types and the quick tests: under three minutes, before every commit
# make test   everything: lint, every test, the notebooks included
# make format write the code in the form that make check asks for
# make site   the lessons and documents as a static site in build/site, checked in a browser
# make slides the lessons as slides in build/slides
#
# PYTHON=python3.12 chooses the interpreter, ARGS="..." is passed on to the command behind the target.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DOCS := $(VENV)/.ready-docs
SITE := build/site
BIOME := node_modules/.bin/biome
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))

.PHONY: lab check test lint types format bench site slides dist clean

lab: $(READY)
	@$(BIN)/asm-teach lab $(ARGS)

# Tests run on all cores, one thread each. Those that measure time run alone, after the others.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
PARALLEL := -n auto --dist loadfile

check: lint types
	$(PYTEST) tests $(PARALLEL) -m "not (browser or long or timing)" $(ARGS)

test: lint types
	$(PYTEST) tests $(NOTEBOOKS) $(PARALLEL) -m "not timing" --nbval-lax --nbval-current-env --nbval-cell-timeout=170 $(ARGS)
	$(PYTEST) tests -m timing $(ARGS)

lint: $(READY)
	$(BIN)/ruff format --check --quiet . || { echo "make format writes it in this form"; exit 1; }
	$(BIN)/ruff check --quiet .
	@if [ -x $(BIOME) ]; then $(BIOME) check --error-on-warnings; \
	else echo "The JavaScript was not checked: npm install brings its linter."; fi

types: $(READY)
	$(BIN)/mypy --no-error-summary

format: $(READY)
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .
	@if [ -x $(BIOME) ]; then $(BIOME) check --write; fi

# The same benchmarks as in `make test`, with enough rounds to read the figures from.
bench: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/benchmarks -s --benchmark-min-rounds=10 --benchmark-max-time=2 $(ARGS)

# A warning fails the build: a link that points nowhere, an equation or a docstring that cannot be read.
site: $(READY_DOCS)
	rm -rf $(SITE) build/doctrees
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --jobs auto -c docs -d build/doctrees . $(SITE)
	$(BIN)/asm-teach playground -o $(SITE)/playground.html
	$(BIN)/python docs/check_site.py $(SITE) $(ARGS)

slides: $(READY_DOCS)
	$(BIN)/python docs/make_slides.py build/slides $(ARGS)
	$(BIN)/python docs/check_site.py build/slides --if-browser

# The package as it is uploaded, in build/dist.
dist: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[release]"
	rm -rf build/dist
	$(BIN)/python -m hatchling build -d build/dist
	$(BIN)/python -m twine check --strict build/dist/*

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis .benchmarks

# The stamp is newer than both files when the environment is up to date, so that nothing is run then.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 13) else "asm_teach needs Python 3.10 to 3.13, and $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.12" % v)'
	@echo "Setting up $(VENV): the first time this downloads PyTorch and JupyterLab and takes some minutes."
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	@touch $@

# What only the site needs: in the same environment, installed when the site is built for the first time.
$(READY_DOCS): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	@touch $@
