# Everything a newcomer types: `make demo` and `make test`. Each target sets up what it needs by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: demo test controlplane lint mutants nightly crds monitoring bench judge screenshots lock clean

demo: $(VENV)/ready
	@$(BIN)/rollout demo $(ARGS)

# Without Go the tests on a real control plane are skipped, with one line that says so. Each of the two workers has a
# control plane of its own; `make test ARGS="-n 0 ..."` uses one process.
test: $(VENV)/ready
	@if command -v go > /dev/null; then $(BIN)/python -m controlplane || true; fi
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# etcd, kube-apiserver, kube-controller-manager, kubectl and Traefik from Go modules, into a cache folder of the user's.
controlplane: $(VENV)/ready
	$(BIN)/python -m controlplane

# Breaks the code in one place after the other and shows which day of the simulation, or which test, notices.
mutants: $(VENV)/ready
	@$(BIN)/python -m tests.mutants $(ARGS)

# A thousand random days of the whole controller; `make test` plays some dozens.
nightly: $(VENV)/ready
	SIMULATION=nightly $(BIN)/python -m pytest tests/simulation $(ARGS)

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m rollout.models.generate --check
	$(BIN)/python -m rollout.monitoring.generate --check

crds: $(VENV)/ready
	$(BIN)/python -m rollout.models.generate

# Alert rules, the Grafana dashboard and docs/alerts.md.
monitoring: $(VENV)/ready
	$(BIN)/python -m rollout.monitoring.generate

bench: $(VENV)/ready
	$(BIN)/python -m bench $(ARGS)

# Simulated releases from fixed seeds, beside judges that count failed samples; `ARGS="--runs 200"` for a quick look.
judge: $(VENV)/ready
	@$(BIN)/python -m bench.judge $(ARGS)

# Only wheels and only what is pinned by hash, so that no compiler is needed and nothing unexpected comes in.
$(VENV)/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; call: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The pictures of the dashboard in docs/images, of a real controller over a sandbox; needs Chromium, takes about a minute.
screenshots: $(VENV)/ready
	$(BIN)/python -m tests.dashboard.screenshots

# Pins are versions and hashes only: a lock must not say where a package was fetched from. What the image installs are
# parts of the same pins: the controller's, those with the sandbox, and what builds our own wheel.
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --no-header --no-emit-index-url --no-emit-trusted-host \
	--no-emit-find-links --strip-extras --allow-unsafe
PART := $(COMPILE) --no-annotate --constraint requirements.lock

lock:
	$(COMPILE) --upgrade --extra sandbox --extra dev -o requirements.lock pyproject.toml
	$(PART) -o requirements-runtime.lock pyproject.toml
	$(PART) --extra sandbox -o requirements-sandbox.lock pyproject.toml
	$(PART) --only-build-deps --build-deps-for wheel -o requirements-build.lock pyproject.toml

clean:
	rm -rf $(VENV)
