# Every target but `help` makes the virtual environment first where it is missing or out of date.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Pictures for `bench`, and the one for `demo`; scikit-image brings a photograph along.
SET ?= kodak
PICTURE ?= $(shell $(BIN)/python -c \
	"import pathlib, skimage; print(pathlib.Path(skimage.__file__).parent / 'data/chelsea.png')")
DEMO := build/demo
MINUTES ?= 10
ORIGINAL = $(DEMO)/original$(suffix $(PICTURE))
# The commit that `speed` compares with.
BASE ?= HEAD~1
UV ?= uv
OLDEST := --resolution lowest-direct --torch-backend cpu
# Where `release-check` finds torch without CUDA; empty where pip finds it without being told.
INDEX ?= https://download.pytorch.org/whl/cpu

.DEFAULT_GOAL := help
.PHONY: help install demo lint unit test docs site portability fuzz slow oldest bench speed \
	fairness lock release-check

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv and install lcodec with everything development needs

$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV), which takes a few minutes the first time; what was done: $(VENV)/install.log"
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[dev]" \
		> $(VENV)/install.log 2>&1 || { tail -n 20 $(VENV)/install.log; exit 1; }
	@touch $@

demo: $(INSTALLED) ## Encode and decode a photograph, PICTURE=photo.png for one of your own
	@mkdir -p $(DEMO)
	@cp "$(PICTURE)" $(ORIGINAL)
	@$(BIN)/lcodec encode -f $(ORIGINAL) $(DEMO)/photo.lic
	@$(BIN)/lcodec decode -f $(DEMO)/photo.lic $(DEMO)/decoded.png
	@echo "the decoded picture is $(CURDIR)/$(DEMO)/decoded.png; a page to compare it with the original:"
	@echo "    $(BIN)/lcodec compare $(ORIGINAL) $(DEMO)/photo.lic --html $(DEMO)/look.html"

lint: $(INSTALLED) ## Style and types: ruff check, ruff format --check, mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(INSTALLED) ## The tests alone
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

test: lint unit ## Style, types and all tests but the slow ones

docs: $(INSTALLED) ## Links, command lines, examples and figures of the documents
	$(BIN)/python -m pytest tests/test_docs.py tests/test_guides.py tests/release

portability: $(INSTALLED) ## Same bits under other instruction sets, threads and carriers
	$(BIN)/python -m pytest -m portability

fuzz: $(INSTALLED) ## Coverage-guided fuzzing of all that reads files, for MINUTES
	$(BIN)/python -m pip install --quiet "atheris>=2.3"
	$(BIN)/python -m tests.fuzz.target build/fuzz -max_total_time=$$((60 * $(MINUTES))) \
		-artifact_prefix=build/fuzz-

slow: $(INSTALLED) ## The tests that take long, clusters of Ray among them
	$(BIN)/python -m pip install --quiet "ray>=2.49"
	$(BIN)/python -m pytest -m slow

bench: $(INSTALLED) ## Rate and distortion over the pictures in the folder SET
	$(BIN)/lcodec bench --set $(SET)

speed: $(INSTALLED) ## Compare the stages' speed with the commit BASE; fails if one has lost 10 %
	$(BIN)/python -m benchmarks.speed --against $(BASE)

fairness: $(INSTALLED) ## Several processes at once beside one alone
	$(BIN)/python -m benchmarks.fairness

site: $(INSTALLED) ## The documents and the API reference as pages, in build/site
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

oldest: ## The tests with the oldest versions of what lcodec needs, in build/oldest; needs uv
	$(UV) venv --quiet --clear --python $(PYTHON) build/oldest
	$(UV) pip install --python build/oldest $(OLDEST) -e ".[dev]"
	build/oldest/bin/python -m pytest

lock: $(INSTALLED) ## Pin anew what development needs: the latest, but what constraints.txt holds back
	sed '/^# All the rest/,$$d' constraints.txt > $(VENV)/held.txt
	$(BIN)/python -m pip install --upgrade --upgrade-strategy eager -c $(VENV)/held.txt -e ".[dev,docs]"
	$(BIN)/python tools/lock.py

release-check: $(INSTALLED) ## Build, install into an empty environment, try; see docs/releasing.md
	$(BIN)/python tools/release_check.py --index "$(INDEX)"
