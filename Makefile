# Everything runs from .venv, which is made from the pinned, hashed lock file on first use.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin

.PHONY: demo test check bench soak mutants lock

demo: $(VENV)/ready
	$(RUN)/collector demo

test: $(VENV)/ready
	$(RUN)/pytest -n auto --dist worksteal -m "not soak" --ignore tests/schedulers

soak: $(VENV)/ready
	$(RUN)/pytest -m soak --timeout=3600

# From nothing each time: mutmut keeps what it found, and does not see that a test has changed.
mutants: $(VENV)/ready
	rm -rf mutants
	$(RUN)/mutmut run --max-children 2
	$(RUN)/python -m tests.mutation

bench: $(VENV)/ready
	$(RUN)/python -m tests.bench.collect
	$(RUN)/python -m tests.bench.questions

# The files of config/schedulers have checkers of their own; that of the units comes with systemd, and must be there.
check: $(VENV)/ready
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/pytest tests/schedulers

$(VENV)/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(RUN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Re-pins every dependency within the ranges of pyproject.toml, for all platforms. Needs uv.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes \
		--no-emit-index-url --no-header --output-file requirements.lock pyproject.toml
