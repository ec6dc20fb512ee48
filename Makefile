# Two commands work on a fresh machine, set-up included:
#   make demo   match the bundled sea-ice pair and show the result
#   make test   run the tests
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
export VENV
# Tests run in as many processes; 0 for one, in which a debugger can stop.
WORKERS ?= 2

# Software rendering on a virtual screen if xvfb-run is installed: no display and no graphics
# card is needed.
define on_virtual_screen
@if command -v xvfb-run >/dev/null; then \
  xvfb-run --auto-servernum --server-args="-screen 0 1600x1000x24" $(1); \
else \
  $(1); \
fi
endef

.PHONY: help demo test setup check style types architecture manifest docs screenshots tutorials clean

help: ## list these commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1|/' | column -t -s '|'

setup: ## install the environment in .venv and the system libraries
	@./scripts/setup.sh

demo: setup ## match the bundled sea-ice pair, write demo-run/, open it in napari
	$(BIN)/napari-latentdyn demo -o demo-run

test: setup ## run the tests, on a virtual screen
	$(call on_virtual_screen,$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS))

check: style types architecture manifest ## style, types, architecture, manifest

style: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup
	$(BIN)/mypy

architecture: setup
	$(BIN)/lint-imports

manifest: setup
	$(BIN)/npe2 validate src/napari_latentdyn/napari.yaml

docs: setup ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

screenshots: setup ## take the screenshots of the documentation again
	$(call on_virtual_screen,$(BIN)/python scripts/screenshots.py)

tutorials: setup ## compute the pictures and tables of the tutorials (an hour, once)
	for example in drift_past_land rotation_with_cracks new_cracks; do \
	  OMP_NUM_THREADS=1 $(BIN)/python examples/$$example.py || exit; \
	done

clean: ## remove the environment and all generated files
	rm -rf $(VENV) build dist site demo-run .pytest_cache .mypy_cache .ruff_cache
