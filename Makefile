# Every target sets up what it needs; a machine with Python 3.11 or newer and make is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
export OMP_NUM_THREADS := 1

.PHONY: demo systems test lint bench bench-serve schemathesis setup servers frameworks lock clean

# From nothing to served, watched, rolled back and retrained, with one of the folders of systems/. KEEP=1 leaves the service up.
SYSTEM ?= late_arrivals
demo: setup $(if $(filter market_spans digit_images departure_delays,$(SYSTEM)),frameworks)
	$(BIN)/python systems/walk.py $(SYSTEM) $(if $(KEEP),--keep) $(if $(FULL),--full)

# All five in their full setting, and the book that tells of them: docs/systems.md.
systems: setup frameworks
	for name in market_spans digit_images visibility_watch departure_delays late_arrivals; do \
	  $(BIN)/python systems/walk.py $$name --full || exit 1; done
	$(BIN)/python systems/book.py

test: setup servers
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m benchmarks

# Our server beside its peers, each installed into an environment of its own under .cache; about an hour. ARGS=--quick for a look.
bench-serve: setup
	$(BIN)/python -m benchmarks.serve $(ARGS)

# The long run of tests/service/pages/test_schemathesis.py: EXAMPLES of each operation of the service's OpenAPI document.
EXAMPLES ?= 500
schemathesis: setup
	SCHEMATHESIS_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -n 0 tests/service/pages/test_schemathesis.py

setup: $(STAMP)

# What tests need besides the locks: a browser, fronts, a C compiler; and in CI PyTorch and TensorFlow, which are too large to ask of
# everybody. Where one cannot be had, its tests are skipped and say so; in CI they fail.
PROGRAMS := chromium:chromium nginx:nginx-light caddy:caddy systemd-analyze:systemd cc:gcc cc:libc6-dev \
  prometheus:prometheus prometheus-alertmanager:prometheus-alertmanager amtool:prometheus-alertmanager
servers: setup $(if $(CI),frameworks)
	@PATH=$$PATH:/usr/sbin; missing=; for each in $(PROGRAMS); do command -v $${each%%:*} >/dev/null || missing="$$missing $${each##*:}"; done; \
	[ -z "$$missing" ] || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing fonts-dejavu-core >/dev/null; \
	} || echo "not installed, and cannot be here:$$missing; tests that need them are skipped"

# PyTorch and TensorFlow, which three of the systems train with, a gigabyte each; and the package that market_spans takes its prices from,
# alone: only the files of its data are read.
frameworks: setup
	@$(BIN)/python -c 'import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, ("torch", "tensorflow", "arch"))))' || { \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 tensorflow-cpu==2.21.0 && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps arch==8.0.0; }

$(STAMP): requirements/build.lock requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "gonogo needs Python 3.11 or newer; set PYTHON=…")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-build-isolation -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q src
	@touch $(STAMP)

# The locks carry hashes and no addresses; made with uv (a tool of the maintainer, not needed otherwise).
lock:
	uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 requirements/build.in -o requirements/build.lock
	uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --extra dev pyproject.toml -o requirements/dev.lock

clean:
	rm -rf $(VENV) .demo .cache .mypy_cache .ruff_cache .pytest_cache
