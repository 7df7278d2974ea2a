# Everything runs from .venv, which any target sets up first. Needed on the machine: make and Python 3.11 or newer.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo test check bench chaos

# The Python that .venv is made with: the first of these that is new enough. `make PYTHON=… test` chooses another.
ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c '$(ENOUGH)' >/dev/null 2>&1 && echo "$$p" && break; done)

# Hundreds of processes start while tests run; each would compile the library anew where the shell has this set.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
READY := .venv/.ready
AGENT_SERVER := .venv/agent-server
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

# Arguments for pytest: make test ARGS='tests/unit -k quorum'. WORKERS=0 runs in one process (for a debugger).
ARGS ?=
# Two for each core, eight at most: tests wait for processes and leases more than they compute, and each worker has servers of its own.
WORKERS ?= $(shell "$(PYTHON)" -c 'import os; print(min(8, 2 * (os.cpu_count() or 1)))')

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## show the whole loop: an agent asks, you decide, the act happens once
	@if [ -t 0 ]; then $(BIN)/hitl demo $(ARGS); \
	else echo 'Nobody sits at this input, so scripted people decide: hitl demo --ci'; $(BIN)/hitl demo --ci $(ARGS) || exit; \
	if [ -z '$(ARGS)' ]; then echo 'The same on a GitHub issue: hitl demo --github --ci'; $(BIN)/hitl demo --github --ci; fi; fi

test: $(READY) ## run the tests
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS)

check: $(READY) ## lint, types, architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(READY) ## run the measurements in tests/bench
	$(BIN)/pytest -o python_files='bench_*.py' -m bench -s tests/bench $(ARGS)

chaos: $(READY) ## kill servers and workers for CHAOS_MINUTES (2), and count what was done twice, lost or stuck
	$(BIN)/python -m tests.chaos

# The build backend comes first and from the constraints too, so that nothing unpinned takes part in the set-up.
# LangGraph's Agent Server wants an older structlog than everybody else, so it has a folder of its own; the tests that need it know where.
$(READY): pyproject.toml constraints.txt requirements-agent-server.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found; say where: make PYTHON=/path/to/python3"; exit 2; }
	@"$(PYTHON)" -c '$(ENOUGH)' || { echo "$(PYTHON) is not Python 3.11 or newer"; exit 2; }
	@echo "setting up .venv (once; a minute or two)"
	@"$(PYTHON)" -m venv .venv
	@$(PIP) install --constraint constraints.txt hatchling editables
	@$(PIP) install --constraint constraints.txt --no-build-isolation --editable '.[all,dev]'
	@rm -rf $(AGENT_SERVER)
	@$(PIP) install --no-deps --only-binary :all: --target $(AGENT_SERVER) --requirement requirements-agent-server.txt || \
	{ rm -rf $(AGENT_SERVER); echo "LangGraph's Agent Server could not be installed; the tests that start one are skipped"; }
	@$(BIN)/python -m compileall -q hitl_middleware server graphs
	@touch $@
