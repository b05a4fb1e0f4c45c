# Every target but `help` makes the virtual environment first where it is missing or out of date.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SET ?= kodak

.DEFAULT_GOAL := help
.PHONY: help install lint unit test portability slow bench

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv and install lcodec with everything development needs

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c constraints.txt -e ".[dev]"
	touch $@

lint: $(INSTALLED) ## Style and types: ruff check, ruff format --check, mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(INSTALLED) ## The tests alone
	$(BIN)/python -m pytest

test: lint unit ## Style, types and all tests but the slow ones

portability: $(INSTALLED) ## Same bits under other instruction sets, threads and carriers
	$(BIN)/python -m pytest -m portability

slow: $(INSTALLED) ## The tests that take long
	$(BIN)/python -m pytest -m slow

bench: $(INSTALLED) ## Rate and distortion over the pictures in the folder SET
	$(BIN)/lcodec bench --set $(SET)
