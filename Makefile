# Everything a person or a machine does here has one name. `make help` lists them.
# The virtual environment is .venv/; scripts/bootstrap.sh makes it and installs what is missing.
.DEFAULT_GOAL := help
PY := .venv/bin/python
ARGS ?=
SET ?= torture

.PHONY: help demo test check clean torture boston bench crash

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## from nothing to the map on http://127.0.0.1:8000 (PORT=8123 chooses another port; ARGS=--no-serve stops before)
	@sh scripts/bootstrap.sh run
	@.venv/bin/gridward demo $(ARGS)

test: ## set everything up and run every test, browser tests included
	@sh scripts/bootstrap.sh test
	@$(MAKE) --no-print-directory check
	@$(PY) -m pytest $(ARGS)

check: ## style and types
	@sh scripts/bootstrap.sh test
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check --quiet . || { echo "ruff format . puts the files in form"; exit 1; }
	@$(PY) -m mypy

torture: ## run every odd file of a folder with a manifest.csv through the command (SET=FOLDER; ARGS=--write keeps the table)
	@sh scripts/bootstrap.sh run
	@$(PY) scripts/torture.py $(SET) $(ARGS)

boston: ## a real year of requests through the locator, beside an exact join and the records (SET=FOLDER; ARGS=--write keeps the table)
	@sh scripts/bootstrap.sh run
	@$(PY) scripts/boston.py $(SET) $(ARGS)

bench: ## what boundaries and assignment cost beside their peers (ARGS='--only locate', --smoke, --full; --write keeps the tables)
	@sh scripts/bootstrap.sh bench
	@$(PY) tests/benchmarks/run.py $(ARGS)

crash: ## kill -9 boundary commands and their database at random moments (ARGS='--moments 50 --seed 1')
	@sh scripts/bootstrap.sh test
	@$(PY) scripts/crash.py $(ARGS)

clean: ## remove the virtual environment and caches; data under var/ stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build *.egg-info
