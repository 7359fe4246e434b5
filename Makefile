# One command each; all of them need only Python 3.11 or newer and make.
.DEFAULT_GOAL := help
.PHONY: help setup run demo test check bench lock clean
.DELETE_ON_ERROR:

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
PORT ?= 8000
GENGHENG_DATA_DIR ?= .data
DEVELOPMENT := GENGHENG_ENVIRONMENT=development GENGHENG_DATA_DIR='$(GENGHENG_DATA_DIR)'
LOCKING := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet

help:
	@echo "make run     start the exchange on http://127.0.0.1:$(PORT) with the sample province (PORT, GENGHENG_DATA_DIR)"
	@echo "make demo    play the story of the README against a server of its own"
	@echo "make test    run every test"
	@echo "make check   format, lint, types, imports"
	@echo "make bench   run the benchmarks"
	@echo "make setup   only prepare .venv, with .venv/bin/gengheng in it"
	@echo "make lock    pin the requirements anew (needs uv)"
	@echo "make clean   remove .venv, build and caches; the data folder stays"

setup: $(STAMP)

# Hashes hold for whatever index or folder pip is told to look in; only wheels, so no compiler is needed.
$(STAMP): requirements/dev.txt pyproject.toml
	@set -e; \
	python=; \
	for name in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
		if "$$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
		then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "There is no Python 3.11 or newer with venv here (looked for python3, python3.14 … python3.11)." >&2; \
		echo "Install one (on Debian and Ubuntu: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3 …" >&2; \
		exit 1; \
	fi; \
	if ! "$(BIN)/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
		echo "Making $(VENV) with $$python ($$("$$python" --version))"; \
		rm -rf "$(VENV)"; "$$python" -m venv "$(VENV)"; \
	fi
	@echo "Installing the pinned requirements"
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--requirement requirements/dev.txt
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch "$(STAMP)"

run: $(STAMP)
	@if [ -n "$$GENGHENG_DATABASE_URL" ]; then \
		echo "make run migrates and fills the embedded database only, and GENGHENG_DATABASE_URL is set." >&2; \
		echo "Unset it, or run $(BIN)/gengheng migrate and $(BIN)/gengheng serve yourself." >&2; exit 1; fi
	@$(DEVELOPMENT) PORT='$(PORT)' $(BIN)/gengheng migrate
	@$(DEVELOPMENT) PORT='$(PORT)' $(BIN)/gengheng sample
	@echo
	@echo "Open      http://127.0.0.1:$(PORT)/docs              every call, to try in the browser"
	@echo "          http://127.0.0.1:$(PORT)/v1/bulletin/listings   what is for sale; public"
	@echo "Try next  the first hour in README.md, in a second terminal; or: make demo"
	@echo "Stop      Ctrl-C; the data stays in $(GENGHENG_DATA_DIR)"
	@echo
	@$(DEVELOPMENT) PORT='$(PORT)' exec $(BIN)/gengheng serve

demo: $(STAMP)
	@$(BIN)/gengheng demo

# One process a core, each with a PostgreSQL of its own.
test: $(STAMP)
	@$(BIN)/pytest -n auto --dist worksteal

check: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q tests/migrations

bench: $(STAMP)
	@$(BIN)/python -m benchmarks

lock:
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	@$(LOCKING) --output-file requirements/run.txt
	@$(LOCKING) --extra dev --output-file requirements/dev.txt

clean:
	@rm -rf "$(VENV)" build .mypy_cache .ruff_cache .hypothesis .import_linter_cache .schemathesis
	@find app alembic tests benchmarks -type d -name __pycache__ -prune -exec rm -rf {} +
