# `make` lists the targets. The environment in .venv is made once, and again when what it is made from changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# The table of diversity needs runs; that of PyTorch's step an environment of its own, whose Python TORCH_PYTHON names.
BENCHMARKS := train_step profile_step pipeline reading draw growth startup sparsity regrowth
TORCH_PYTHON ?=

# Ten minutes of two cores, all of the demo included.
# Measuring takes a fifth of the tests' time, so it is asked for where it is a condition: in the run before a change lands.
COVERAGE ?=
COVERAGE_FLAGS := --cov sle_gan --cov-report term:skip-covered --cov-fail-under 90

DEMO_STEPS ?= 1250
DEMO_RUN := demo/runs/flowers

.DEFAULT_GOAL := help
.PHONY: help demo test lint imports types check slow soak bench docs package clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: demo/flowers/factors.json | $(INSTALLED) ## draw flowers, train on them, generate and export; goes on where it stopped
	$(BIN)/python train.py --data-folder demo/flowers --output-folder demo/runs --name flowers \
		--resolution 64 --width 24 --steps $(DEMO_STEPS) --sample-frequency 250
	$(BIN)/python generate.py samples $(DEMO_RUN) --seeds 0-15 --grid --output demo/samples
	$(BIN)/python generate.py interpolate $(DEMO_RUN) --seeds 0-5 --output demo/walk.gif --loop
	$(BIN)/python generate.py export $(DEMO_RUN) --format saved-model --output demo/exported
	@echo
	@echo "training images   demo/flowers"
	@echo "the run           $(DEMO_RUN)"
	@echo "generated         demo/samples"
	@echo "a walk            demo/walk.gif"
	@echo "the SavedModel    demo/exported"
	@echo "train longer:     make demo DEMO_STEPS=10000"
	@echo "your own images:  $(BIN)/python train.py --data-folder FOLDER --resolution 256"

# The factors are written last: where they lie, all the flowers do.
demo/flowers/factors.json: | $(INSTALLED)
	$(BIN)/python -m sle_gan.data.flowers demo/flowers --count 200 --size 64 --seed 0

test: $(INSTALLED) ## run the fast tests, in two processes; COVERAGE=1 measures what of the code they reach
	$(BIN)/python -m pytest -n 2 --dist loadfile $(if $(COVERAGE),$(COVERAGE_FLAGS))

lint: $(INSTALLED) ## check the format and the style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

imports: $(INSTALLED) ## check that imports point down
	$(BIN)/lint-imports

types: $(INSTALLED) ## check the types
	$(BIN)/python -m mypy

check: lint imports types test ## all that a change must pass

slow: $(INSTALLED) ## run the proofs that take minutes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[release]'
	$(BIN)/python -m pytest -m slow

soak: $(INSTALLED) ## kill trainings at random moments; SOAK_KILLS=20 SOAK_SEED=...
	$(BIN)/python -m pytest -m slow -s tests/soak

bench: $(INSTALLED) ## print the tables of docs/benchmarks.md; TORCH_PYTHON=... for PyTorch's step beside ours
	@for name in $(BENCHMARKS); do echo "# $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done
	@if [ -n "$(TORCH_PYTHON)" ]; then $(BIN)/python benchmarks/peer_step.py --torch-python "$(TORCH_PYTHON)"; \
		else echo "# peer_step: left out; make bench TORCH_PYTHON=FILE names a Python that has PyTorch"; fi

docs: $(INSTALLED) ## build the pages of docs/ as a site, into build/site; a link that leads nowhere ends it
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

package: $(INSTALLED) ## build the wheel, check it, and try it in an environment of its own
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[release]'
	rm -rf build/lib build/wheel dist
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt dist/*.whl
	build/wheel/bin/python tests/try_wheel.py

clean: ## remove the environment and the caches; runs and the demo stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .import_linter_cache
	find sle_gan tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment that is there is kept. One that fails half-way is removed, or it would pass for whole.
$(INSTALLED): requirements.txt constraints.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
		2>/dev/null || { echo "error: PYTHON must be Python 3.10 to 3.13; got '$(PYTHON)'" \
		"($$($(PYTHON) --version 2>&1 | head -n 1)); name another: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt -e '.[dev]'
	@touch $@
