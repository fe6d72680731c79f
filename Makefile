# Everything from a fresh clone on Debian 12 (or Ubuntu): `make demo`, `make test`.
#
# Two Pythons: QGIS's own (/usr/bin/python3) runs the plugin, `.venv` runs the engine.

SYSTEM_PACKAGES := qgis python3-qgis python3-venv python3-pytest python3-pytest-xdist xvfb
SYSTEM_PYTHON := /usr/bin/python3
ENGINE_PYTHON := $(CURDIR)/.venv/bin/python
WORK := $(CURDIR)/.demo

# QGIS loads the plugin as `flair_landcover`, whatever the checkout is called.
PLUGINS := $(WORK)/plugins
QGIS_ENVIRONMENT := QGIS_PLUGINPATH=$(PLUGINS) PYTHONPATH=$(PLUGINS) FLAIR_LANDCOVER_PYTHON=$(ENGINE_PYTHON) \
	QGIS_CUSTOM_CONFIG_PATH=$(WORK)/profile QT_QPA_PLATFORM=offscreen XDG_RUNTIME_DIR=$(WORK)/runtime

ENGINE_TESTS := tests/contract tests/models tests/inference tests/evaluation tests/finetune tests/engine tests/research \
	tests/faults
QGIS_TESTS := tests/contract tests/runtime tests/layers tests/processing tests/ui \
	tests/test_metadata.py tests/test_package.py tests/test_plugin.py tests/test_rooms.py

# Tests run in as many processes as there are cores to spare, each with one thread for its networks; the tests of a
# file stay together, as they share what is expensive to make. Which files begin first: tests/conftest.py.
WORKERS ?= 2
PARALLEL := -n $(WORKERS) --dist loadfile
ONE_THREAD := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
ENGINE_PYTEST := $(ONE_THREAD) $(ENGINE_PYTHON) -m pytest -q $(PARALLEL) --no-loadscope-reorder
QGIS_PYTEST := $(ONE_THREAD) $(QGIS_ENVIRONMENT) $(SYSTEM_PYTHON) -m pytest -q $(PARALLEL) --import-mode=importlib

# Installs those of the named Debian packages that are not there yet.
define install_missing
	@missing=; for package in $(1); do \
		dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi; \
		$$as_root apt-get update -q && \
		$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y $$missing; \
	fi
endef

.PHONY: demo test test-engine test-qgis test-fast test-faults coverage rooms package bundle pictures benchmark-window \
	benchmark-startup lint types env system clean

demo: system env $(PLUGINS)/flair_landcover
	$(QGIS_ENVIRONMENT) ENGINE_PYTHON=$(ENGINE_PYTHON) sh demo/run.sh $(WORK)

test: test-engine test-qgis

test-engine: system env
	$(ENGINE_PYTEST) $(ENGINE_TESTS)

test-qgis: system env $(PLUGINS)/flair_landcover
	$(QGIS_PYTEST) $(QGIS_TESTS)

# What a change is tried with while it is made: all rooms, without the tests that take long.
test-fast: system env $(PLUGINS)/flair_landcover
	$(ENGINE_PYTEST) -m 'not slow' $(ENGINE_TESTS)
	$(QGIS_PYTEST) -m 'not slow' $(QGIS_TESTS)

# Every trial of harm done to a run, of which `make test` makes a few: docs/reliability.md.
test-faults: system env
	FAULTS=all $(ONE_THREAD) $(ENGINE_PYTHON) -m pytest -q -n $(WORKERS) tests/faults

# Which lines no test runs: of the engine's side, and of what it shares with QGIS.
coverage: system env
	rm -f .coverage*
	$(ONE_THREAD) $(ENGINE_PYTHON) -m coverage run -m pytest -q $(PARALLEL) --no-loadscope-reorder $(ENGINE_TESTS)
	$(ENGINE_PYTHON) -m coverage combine --quiet
	$(ENGINE_PYTHON) -m coverage report --show-missing --skip-covered --sort=cover

# Who imports whom, from the ground up.
rooms:
	$(SYSTEM_PYTHON) tests/rooms.py

# The plugin's zip, dist/flair_landcover.zip.
package:
	$(SYSTEM_PYTHON) .ci/package.py

# The pictures of docs/, taken in a real QGIS window.
pictures: system env $(PLUGINS)/flair_landcover
	$(QGIS_ENVIRONMENT) $(SYSTEM_PYTHON) -m flair_landcover.tests.window.pictures docs/pictures

# How late QGIS's main thread ever is during a run.
benchmark-window: system env $(PLUGINS)/flair_landcover
	$(QGIS_ENVIRONMENT) $(SYSTEM_PYTHON) -m flair_landcover.benchmarks.main_thread

# What the plugin adds to QGIS's start.
benchmark-startup: system env $(PLUGINS)/flair_landcover
	$(QGIS_ENVIRONMENT) $(SYSTEM_PYTHON) -m flair_landcover.benchmarks.startup

# Another model in place of the bundled one, as integers of 7 bits:
# `make bundle MODEL=IGNF/FLAIR-HUB_LC-A_IR_convnextv2tiny-upernet`, or MODEL=a folder, zip or checkpoint.
# DATA: folder of FLAIR patches to measure on. OPTIONS: see `python -m flair_landcover.research.bundle --help`.
DATA ?= $(wildcard ../shared/data/flair2)
bundle: env
	$(if $(MODEL),,$(error Say which model: make bundle MODEL=<hub id, folder or checkpoint>))
	$(ENGINE_PYTHON) -m flair_landcover.research.bundle '$(MODEL)' --out models/bundled \
		$(if $(DATA),--data '$(DATA)') $(OPTIONS)

# As the plugin site's scanner runs them, see .ci/lint.
lint: env $(PLUGINS)/flair_landcover
	sh .ci/lint $(ENGINE_PYTHON)

# mypy alone, as the hook before a commit runs it.
types: env $(PLUGINS)/flair_landcover
	$(ENGINE_PYTHON) -m mypy

env: .venv/ready

.venv/ready: pyproject.toml runtime/requirements.txt constraints.txt
	$(call install_missing,python3-venv)
	$(SYSTEM_PYTHON) -m venv .venv
	$(ENGINE_PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

system:
	$(call install_missing,$(SYSTEM_PACKAGES))

$(PLUGINS)/flair_landcover:
	mkdir -p $(PLUGINS) $(WORK)/runtime
	chmod 700 $(WORK)/runtime
	ln -sfn $(CURDIR) $@

clean:
	rm -rf .venv .demo build dist .coverage* .mypy_cache *.egg-info
