# Everything a newcomer needs: `make demo` to watch it work, `make test` to see that it does.
# Both set up what they need. Python packages come from wherever this machine's pip is configured
# to find them; the versions are those of constraints.txt.

.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-validate chaos fuzz constraints venv clean

VENV    := .venv
BIN     := $(VENV)/bin
PYTHON  ?=
ARGS    ?=
QUICK   ?=
GROWTH  ?=
SEED    ?=
SECONDS ?= 600
IMAGE_MALLOC := $(shell sed -n 's/^ENV GLIBC_TUNABLES=//p' Dockerfile)
# The servers are shared by all workers, but for the tests that kill one; more workers help on a large machine.
WORKERS ?= 2

help:  ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo '  ARGS="…" is passed on: make demo ARGS=--once, make test ARGS="tests/unit -k routing"'

demo: $(VENV)/.server  ## run gateway, sample adapters and console, and post every sample (ARGS=--once to end)
	$(BIN)/amtsbote demo $(ARGS)

test: $(VENV)/.dev  ## run every test against private RabbitMQ and PostgreSQL servers
	scripts/install-services
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: $(VENV)/.dev  ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev  ## measure every speed this project claims (QUICK=1 for three minutes, GROWTH=1 with a full database)
	scripts/install-services
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(GROWTH),--growth) $(ARGS)

bench-validate: $(VENV)/.dev  ## measure validation, refusals, adding standards and hostile messages (QUICK=1 for fewer rounds)
	GLIBC_TUNABLES=$(IMAGE_MALLOC) $(BIN)/python -m benchmarks.validating $(if $(QUICK),--quick) $(ARGS)

chaos: $(VENV)/.dev  ## break everything under load and check that nothing is lost or doubled (SEED=n, QUICK=1)
	scripts/install-services
	$(BIN)/python -m chaos $(if $(SEED),--seed $(SEED)) $(if $(QUICK),--short) $(ARGS)

fuzz: $(VENV)/.fuzz  ## throw hostile messages, bytes and releases at it (SECONDS=600 for each of the three, SEED=n)
	@failed=; for campaign in messages bytes releases; do \
	  $(BIN)/python -m fuzz $$campaign --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(ARGS) || failed=1; \
	done; test -z "$$failed"

venv: $(VENV)/.dev  ## set up .venv for development

constraints:  ## write constraints.txt anew with the newest versions that pyproject.toml allows
	rm -rf $(VENV)-constraints
	$(FIND_PYTHON); "$$python" -m venv $(VENV)-constraints
	$(VENV)-constraints/bin/python -m pip install --quiet '.[dev,fuzz]'
	$(VENV)-constraints/bin/python -m pip freeze --exclude amtsbote > constraints.txt
	rm -rf $(VENV)-constraints

clean:  ## remove .venv and caches; var/, where the demo keeps its data, stays
	rm -rf $(VENV) $(VENV)-constraints dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first interpreter that is new enough and can make environments becomes $python.
define FIND_PYTHON
python=''; \
for each in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
  if "$$each" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
  then python=$$each; break; fi; \
done; \
if [ -z "$$python" ]; then \
  echo 'Amtsbote needs Python 3.11 or newer with its venv module: sudo apt-get install python3 python3-venv' >&2; \
  exit 1; \
fi
endef

# Made last by `python -m venv`: an interrupted run is not taken for a finished one.
$(BIN)/pip:
	@$(FIND_PYTHON); echo "$$python -m venv $(VENV)"; "$$python" -m venv --clear $(VENV)

# A stamp is newer than the two files that say what is to be installed: nothing is installed twice.
# Editable, so that a changed file takes effect at once.
$(VENV)/.server: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "installing into $(VENV), once"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[server]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "installing into $(VENV), once"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(VENV)/.server $@

$(VENV)/.fuzz: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	@touch $@
