# Everything installs what it needs into the checkout's own .venv; only Python, pip and make have to be there.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test test-e2e parts check bench bench-agent lock clean

demo: $(READY) system  ## Prove examples/three-tier in the laboratory.
	$(BIN)/ringfence lab run -f examples/three-tier

test: $(READY) system  ## All tests; those that need parts which are not here say which, and how to get them.
	$(BIN)/pytest

test-e2e: parts system  ## The tests against the real API server, which is built first; without root in a user namespace.
	scripts/as-root $(BIN)/pytest tests/e2e

parts: $(READY)  ## The real API server, etcd and kubectl: built once (Go, five minutes), kept outside the checkout.
	$(BIN)/python tests/e2e/parts.py

check: $(READY)  ## Format, lint, types, layers.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## All measurements, beside the limits.
	$(BIN)/python -m benchmarks

bench-agent: parts  ## The agent on a real API server, beside its limits.
	$(BIN)/python -m benchmarks watching agent agent-100k

lock: $(READY)  ## Choose new versions of everything and write them down.
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --no-header \
	    --no-emit-index-url --no-emit-find-links --group dev pyproject.toml -o requirements.lock

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv --without-pip .venv
	$(PYTHON) -m pip --quiet --disable-pip-version-check --python $(BIN)/python install uv
	$(BIN)/uv pip sync --quiet --compile-bytecode requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src
	touch $(READY)

.PHONY: system
system:  ## What the laboratory needs of the system: nft and ip.
	@scripts/install-system-packages

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
