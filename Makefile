# Every target sets up what it needs in .venv; a second run installs nothing.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help venv demo test check bench lock clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

venv: .venv/.installed-check ## everything that working on Interlock takes, in .venv

demo: .venv/.installed-train ## heartbeats: train, judge, serve; withdraw a bad version, promote a good one
	@$(BIN)/interlock demo

test: .venv/.installed-test ## run the tests on all cores
	@$(BIN)/pytest -n auto --dist loadscope $(ARGS)

check: .venv/.installed-check ## style, types, layers, documentation, a dozen crashes
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q tests/test_docs.py
	$(BIN)/python benchmarks/crash.py --rounds 12

bench: .venv/.installed-bench ## speed against peers; ends with 1 when a bar is missed (needs wrk)
	@command -v wrk >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get install -y --no-install-recommends wrk; } \
	  || { echo "make bench needs wrk: apt-get install wrk, or brew install wrk" >&2; exit 1; }
	@$(BIN)/python benchmarks/serving.py $(ARGS)

SHAPE := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
  --custom-compile-command "make lock" --quiet
LOCK := $(BIN)/uv pip compile pyproject.toml $(SHAPE)
AGREE := --group build --constraint requirements/check.txt

lock: .venv/.installed-check ## newest versions into requirements/*.txt
	$(LOCK) --upgrade --group build --extra train --group test --group bench --group check -o requirements/check.txt
	$(LOCK) --upgrade $(AGREE) --extra train --group test -o requirements/test.txt
	$(LOCK) --upgrade $(AGREE) --extra train --group bench -o requirements/bench.txt
	$(LOCK) --upgrade $(AGREE) --extra train --group project -o requirements/train.txt
	$(LOCK) --upgrade $(AGREE) -o requirements/base.txt
	echo "mlflow==$$(sed -n 's/^mlflow-skinny==\([^ ;]*\).*/\1/p' requirements/check.txt)" | $(BIN)/uv pip compile - $(SHAPE) --upgrade -o requirements/mlflow.txt
	grep -A999 '^uv==' requirements/check.txt | sed '2,$${/^[a-z]/,$$d}' > requirements/uv.txt

clean: ## remove .venv, caches and what the demonstration left
	rm -rf .venv .venv-mlflow .interlock .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || { \
	  echo "Interlock needs Python 3.11 to 3.14, and $(PYTHON) is not: try make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: apt-get install python3-venv" >&2; exit 1; }
	@echo "creating .venv" && $(PYTHON) -m venv .venv

.venv/.installed-%: requirements/%.txt requirements/install.py pyproject.toml | .venv/bin/python
	@echo "installing requirements/$*.txt" && $(BIN)/python requirements/install.py $*
	@touch $@
