# Set up, run and test Assent. Needs make and python3 (3.11 or later); the rest is brought into .tools/ and .venv/.
#
#   make run                       start everything in this terminal
#   make run ARGS="--port 9000"    the same, with options for `assent dev`
#   make test                      format, lint, imports, types and the whole test suite
#   make bench                     how fast it is here
#
# `make help` lists every target.

# The interpreter to build .venv from: make run PYTHON=python3.12
PYTHON ?= python3
# Options for `assent dev` (make run) or for uv (make lock).
ARGS ?=

UV_VERSION := 0.13.9
# Trust the certificates that the machine trusts, as pip does: companies put theirs there. If there are none, the
# set-up tries again with those that uv brings.
UV_SYSTEM_CERTS ?= true
export UV_SYSTEM_CERTS
# Use the machine's Python, never a downloaded one.
export UV_PYTHON_DOWNLOADS := never

BIN := .venv/bin
READY := .venv/.ready
LOCKS := requirements.lock requirements-run.lock

# A uv on the PATH is as good as ours.
ifeq ($(shell command -v uv 2>/dev/null || true),)
UV := .tools/uv/bin/uv
UV_NEEDED := $(UV)
else
UV := uv
endif

# The stamp holds the folder that it was made for: a tree that was moved or copied is set up again.
ifneq ($(shell cat $(READY) 2>/dev/null || true),$(CURDIR))
.PHONY: $(READY)
endif

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup run test bench check lint fix lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## install the locked requirements into .venv (the others do it by themselves)

run: $(READY) ## start Temporal, a worker and the API; ARGS="..." go to `assent dev`
	@exec $(BIN)/assent dev $(ARGS)

# The stricter threshold comes last, and speaks only when it is missed: the output ends with pytest's own summary.
test: lint ## format check, lint, imports, types, and every test with its coverage
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term
	@report=$$($(BIN)/python -m coverage report --include='domain/*,workflows/*' --fail-under=100) || \
		{ echo "$$report"; echo 'domain/ and workflows/ must be covered whole.'; exit 1; }

bench: $(READY) ## measure, and print what was measured; compare only within one run
	@$(BIN)/python -m bench

check: test ## the same as `make test`

lint: $(READY) ## format check, lint, imports and types alone
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy .

fix: $(READY) ## format, and fix what lint can fix by itself
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# Pins stay as they are unless a requirement asks otherwise: `make lock ARGS=--upgrade` takes the newest of each.
# The second file is the first without what only development needs; the image installs it.
COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make lock' pyproject.toml sdk/pyproject.toml
lock: $(UV_NEEDED) ## pin every requirement again; ARGS=--upgrade takes the newest
	$(UV) $(COMPILE) $(ARGS) --extra dev --output-file requirements.lock
	$(UV) $(COMPILE) $(ARGS) --constraint requirements.lock --output-file requirements-run.lock

clean: ## remove the set-up, caches and reports; never .assent, where your state is
	rm -rf .venv .tools .coverage .coverage.* .hypothesis .schemathesis
	rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What every set-up starts with: a python3 that is there and young enough, or a sentence that says so.
CHECK_PYTHON = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo 'Assent needs Python 3.11 or later, and $(PYTHON) is not that. Install it, or name another: PYTHON=python3.12'; \
	exit 1; } >&2

# .venv is made anew each time: a second or two with uv's cache, and nothing stale is left in it.
# uv does not read pip's configuration; an index set there (a company's mirror) is passed on.
$(READY): requirements.lock pyproject.toml sdk/pyproject.toml | $(UV_NEEDED)
	@$(CHECK_PYTHON)
	@echo 'Setting up .venv (once, until the requirements change)...'
	@rm -rf .venv
	@$(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	@index=$${PIP_INDEX_URL:-$$($(PYTHON) -m pip config get global.index-url 2>/dev/null || true)}; \
	if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$index}"; fi; \
	install() { $(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock; }; \
	install || UV_SYSTEM_CERTS=false install
	@$(UV) pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation -e . -e ./sdk
	@echo '$(CURDIR)' > $@

# pip in a folder of its own; where python3 has no pip, or it refuses, the pip of a throw-away virtual environment.
INSTALL_UV := -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
	--target .tools/uv uv==$(UV_VERSION)
.tools/uv/bin/uv:
	@$(CHECK_PYTHON)
	@echo 'Bringing uv $(UV_VERSION) into .tools/...'
	@rm -rf .tools && mkdir .tools
	@export PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_ROOT_USER_ACTION=ignore; \
	$(PYTHON) $(INSTALL_UV) 2> .tools/log || \
	{ $(PYTHON) -m venv .tools/venv && .tools/venv/bin/python $(INSTALL_UV); } >> .tools/log 2>&1 || { \
	cat .tools/log; \
	echo 'uv could not be installed. Install pip for $(PYTHON) (Debian: apt install python3-pip), or uv itself'; \
	echo '(https://docs.astral.sh/uv/getting-started/installation/), and run make again.'; \
	exit 1; } >&2
	@rm -rf .tools/venv .tools/log
