# People and CI call the same targets. `make` alone lists them.

# The first interpreter in 3.11 .. 3.13 that can make a virtual environment. Override: make env PYTHON=...
USABLE := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  "$$p" -c '$(USABLE)' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
ARGS ?=
PROTOCOLS := $(sort table2 $(basename $(notdir $(filter-out %/base.py,$(wildcard protocols/[!_]*.py)))))

# Requirements of pyproject.toml, one a line; no module of this project is installed.
REQUIREMENTS := import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
  print(*p["dependencies"], *p["optional-dependencies"]["dev"], sep="\n")
# Not changed by `make lock`.
PINNED := torch==2.13.0

# One thread per process on the CPU: trials are stacked or spread over processes; sums stay equal.
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_CBWR := AUTO,STRICT

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help env test test-fast test-slow test-gpu lint types imports format golden docs claims report report-demo bench endurance lock clean $(PROTOCOLS)

help: ## list the targets
	@echo "Usage: make TARGET [ARGS='arguments for the command']"
	@echo
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{printf "  %-11s %s\n", $$1, $$2}'
	@echo
	@echo "Targets of protocols: $(PROTOCOLS)"

env: $(STAMP) ## make .venv from the lock (again after constraints.txt or pyproject.toml change)

$(STAMP): constraints.txt pyproject.toml
	@test -n "$(PYTHON)" && "$(PYTHON)" -c '$(USABLE)' 2>/dev/null || { \
	  echo "No usable Python$(if $(PYTHON), ('$(PYTHON)')): install Python 3.11, 3.12 or 3.13 with its venv module, or name one: make env PYTHON=/path/to/python3." >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -c '$(USABLE)' || { \
	  echo "$(VENV) has an unusable Python: run 'make clean', then 'make env'." >&2; exit 1; }
	@$(BIN)/python -c '$(REQUIREMENTS)' > $(VENV)/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r $(VENV)/requirements.txt
	@touch $@

$(PROTOCOLS): $(STAMP)
	$(BIN)/python run_all.py --protocol $@ $(ARGS)

table2: ## reproduce Table 2; every protocol is such a target (ARGS='--budget smoke')

test: lint types imports test-fast ## lint, types, import rules, fast tests: required of every change

lint: $(STAMP) ## ruff: rules and format; dependencies that nothing imports, imports that nothing declares
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tests.dependencies

types: $(STAMP) ## basedpyright over the code folders
	$(BIN)/basedpyright

imports: $(STAMP) ## import rules between packages
	$(BIN)/lint-imports

test-fast: $(STAMP) ## the fast tests alone (ARGS='-k words')
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow and not gpu" $(ARGS)

test-slow: $(STAMP) ## the slow tests: whole runs, Ray, long oracles
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "slow and not gpu" $(ARGS)

test-gpu: $(STAMP) ## the tests that need a CUDA device
	$(BIN)/python -m pytest -m gpu tests/gpu $(ARGS)

endurance: $(STAMP) ## kill, fill up, damage and stop whole runs, as a table; an hour or more (less: ARGS='--moments 40')
	$(BIN)/python -m tests.system.endurance $(ARGS)

format: $(STAMP) ## format the sources and apply safe lint fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

golden: $(STAMP) ## rewrite the golden files; read the diff before committing it
	$(BIN)/python -m tests.golden.update $(ARGS)

bench: $(STAMP) ## measure speed and write benchmarks/RESULTS.md, about ten minutes
	$(BIN)/python -m benchmarks.all $(ARGS)

docs: $(STAMP) ## rewrite docs/methods/ and the map of modules from the sources
	$(BIN)/python -m tests.contract.method_pages
	$(BIN)/python -m tests.contract.module_map

claims: $(STAMP) ## judge the paper's claims on the runs stored under docs/results/
	$(BIN)/python -m harness.stored_claims

RUN ?= last
report: $(STAMP) ## write the last run's reports once more from results/ (RUN=all, or how an id begins)
	$(BIN)/python run_all.py --report-only $(RUN) $(ARGS)

DEMO := build/demo
report-demo: $(STAMP) ## build the report site from the records under docs/results/demo/, in seconds
	rm -rf $(DEMO) && mkdir -p $(DEMO)
	$(BIN)/python -m tarfile -e docs/results/demo/results.tar.xz $(DEMO)
	$(BIN)/python run_all.py --report-only all --results $(DEMO)/results --reports $(DEMO)/reports

lock: $(STAMP) ## update constraints.txt to the newest versions that pyproject.toml allows
	rm -rf build/lock && mkdir -p build
	"$(PYTHON)" -m venv build/lock
	@$(BIN)/python -c '$(REQUIREMENTS)' > build/lock/requirements.txt
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check $(PINNED) -r build/lock/requirements.txt
	@{ sed -n '/^#/p' constraints.txt; build/lock/bin/python -m pip freeze --all --disable-pip-version-check \
	  | sed -e '/^pip==/d' -e '/^\(nvidia\|cuda\|triton\|pytorch-triton\)/d' -e 's/+[a-z0-9.]*$$//'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt
	rm -rf build/lock

clean: ## remove .venv and all caches, not results/ and reports/
	rm -rf $(VENV) build .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
