# The two commands of the README are `make demo` and `make test`. Everything is installed into .venv, inside this folder.
# PYTHON=/path/to/python chooses the interpreter. ARGS go to the program: make demo ARGS="--port 9000".

SHELL := /bin/sh
BIN := .venv/bin
PYTHON_FOUND = $$(sh scripts/find-python)
# Three tests at once, one more than the smallest machine has cores: much of the time is waiting for processes that are started.
# Each worker has a sandbox and a share of one PostgreSQL.
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo test test-crashes check bench format lock clean runtime dev

help:
	@echo 'make demo    everything at once on this machine, no keys needed (Ctrl-C stops it)'
	@echo 'make test    all the tests                make check   format, lint, types, layers, house rules'
	@echo 'make bench   the benchmarks               make format  put the code in order'
	@echo 'make lock    pin the newest versions      make clean   remove what make made (the data in .holdfast stays)'

runtime:
	@python="$(PYTHON_FOUND)" && "$$python" scripts/bootstrap.py runtime

dev:
	@python="$(PYTHON_FOUND)" && "$$python" scripts/bootstrap.py dev

# exec: Ctrl-C reaches the program itself, which puts its own house in order.
demo: runtime
	@exec $(BIN)/holdfast demo $(ARGS)

test: dev
	@sh scripts/find-browser
	@exec $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

# A quarter of an hour: every story dies at every boundary. `make test` takes a tenth of them.
test-crashes: dev
	@HOLDFAST_EVERY_BOUNDARY=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup tests/simulation/test_crash.py $(ARGS)

check: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/house

format: dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: dev
	@exec $(BIN)/python -m benchmarks $(ARGS)

# Newest versions that fit pyproject.toml, for every platform and Python from 3.11 on, each file with its hashes. No address
# of a package index is recorded: the machine's own settings say where packages come from.
LOCK_FLAGS := --generate-hashes --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
	--no-emit-find-links --quiet $(ARGS)
lock: dev
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements/tools.lock
	$(BIN)/uv pip compile pyproject.toml --group build $(LOCK_FLAGS) -o requirements/runtime.lock
	$(BIN)/uv pip compile pyproject.toml --group build --group dev -c requirements/runtime.lock $(LOCK_FLAGS) -o requirements/dev.lock
	$(BIN)/uv pip compile --group lock $(LOCK_FLAGS) -o requirements/tools.lock

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .grimp_cache .hypothesis test-results
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
	find . -name '*.egg-info' -not -path './.git/*' -prune -exec rm -rf {} +
