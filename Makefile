# Two commands do everything on a fresh machine, set-up included:
#   make demo   match the bundled sea-ice pair and show the result
#   make test   run the tests
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
export VENV
# Tests run in as many processes; 0 for one, in which a debugger can stop.
WORKERS ?= 2

# Software rendering and a virtual screen where xvfb-run is to be had: what runs on
# it needs neither a display nor a graphics card.
define on_virtual_screen
@if command -v xvfb-run >/dev/null; then \
  xvfb-run --auto-servernum --server-args="-screen 0 1600x1000x24" $(1); \
else \
  $(1); \
fi
endef

.PHONY: help demo test setup check style types architecture manifest docs screenshots tutorials clean

help: ## say what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1|/' | column -t -s '|'

setup: ## make the environment in .venv, system libraries included
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

screenshots: setup ## take the pictures of the documentation anew
	$(call on_virtual_screen,$(BIN)/python scripts/screenshots.py)

tutorials: setup ## make the pictures and figures of the tutorials (an hour and a half, once)
	$(BIN)/python -m benchmarks.tutorials

clean: ## remove the environment and all that was made
	rm -rf $(VENV) build dist site demo-run .pytest_cache .mypy_cache .ruff_cache
