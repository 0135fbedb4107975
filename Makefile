# Every target works from a fresh clone: it makes .venv from the lock first.
PYTHON ?= python3
BIN := .venv/bin
export DO_NOT_TRACK := 1

.PHONY: setup demo test check bench lock clean

setup: .venv/.done

.venv/.done: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "weathervane needs Python 3.11 or newer; set PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv --system-certs pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv --system-certs pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	$(BIN)/weathervane demo

test: setup
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_floors.py tests/test_docs.py

bench: setup
	$(BIN)/python -m tests.bench.run $(ONLY)

lock: setup
	$(BIN)/uv --system-certs pip compile --quiet --universal --extra dev --generate-hashes --no-annotate --no-emit-index-url \
		--custom-compile-command "make lock" --python-version 3.11 pyproject.toml -o requirements.lock

clean:
	rm -rf .venv build *.egg-info weathervane-demo
