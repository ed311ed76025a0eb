# One word a job: demo, test, proof, lint, lock, clean. Everything is installed into $(VENV), from the locks in
# requirements/, and only once: the stamps below are renewed when a lock changes.

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
# Nothing but wheels whose hashes stand in a lock: no compiler is needed, and nothing unforeseen is installed.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
LOCKED := $(INSTALL) --require-hashes --only-binary :all:
# The project itself is built by the hatchling of the lock, not by one fetched for the occasion.
PROJECT := $(INSTALL) --no-deps --no-build-isolation --editable .
CODE := bot strategies risk config tests

.PHONY: demo test proof lint lock clean
.DELETE_ON_ERROR:

demo: $(VENV)/.runtime
	@$(BIN)/candlewick demo

test: lint
	@$(BIN)/python -m pytest -n 2 -m "not proof"

proof: $(VENV)/.dev
	@$(BIN)/python -m pytest -m proof

lint: $(VENV)/.dev
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/mypy $(CODE)
	@$(BIN)/lint-imports --no-logo

# All locks are of one resolution: dev is resolved first, and the others may not differ from it. Releases of the
# last week are left out, because that is when a poisoned one is found.
UV := $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --only-binary :all: --no-emit-index-url --no-emit-find-links --exclude-newer "7 days" \
	--custom-compile-command "make lock"

lock: $(VENV)/.dev
	@$(UV) pyproject.toml --extra dev -o requirements/dev.txt
	@$(UV) pyproject.toml --extra train -c requirements/dev.txt -o requirements/train.txt
	@$(UV) pyproject.toml -c requirements/dev.txt -o requirements/runtime.txt
	@$(UV) --group build -c requirements/dev.txt -o requirements/build.txt

clean:
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache
	@find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	    echo "candlewick needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is $$($(PYTHON) -V 2>&1):" \
	         "name another one, such as: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.created requirements/runtime.txt requirements/build.txt pyproject.toml
	@echo "Installing what candlewick runs on into $(VENV): a minute, once ..."
	@$(LOCKED) -r requirements/build.txt -r requirements/runtime.txt
	@$(PROJECT)
	@touch $@

$(VENV)/.dev: $(VENV)/.created requirements/dev.txt pyproject.toml
	@echo "Installing what candlewick is trained, tested and checked with into $(VENV): some minutes, once ..."
	@$(LOCKED) -r requirements/dev.txt
	@$(PROJECT)
	@touch $@
