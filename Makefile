# Everything from a fresh clone on Debian 12 (or Ubuntu): `make demo`, `make test`.
#
# Two Pythons: QGIS's own (/usr/bin/python3) runs the plugin, `.venv` runs the engine.

SYSTEM_PACKAGES := qgis python3-qgis python3-venv python3-pytest xvfb
SYSTEM_PYTHON := /usr/bin/python3
ENGINE_PYTHON := $(CURDIR)/.venv/bin/python
WORK := $(CURDIR)/.demo

# QGIS loads the plugin as `flair_landcover`, whatever the checkout is called.
PLUGINS := $(WORK)/plugins
QGIS_ENVIRONMENT := QGIS_PLUGINPATH=$(PLUGINS) PYTHONPATH=$(PLUGINS) FLAIR_LANDCOVER_PYTHON=$(ENGINE_PYTHON) \
	QGIS_CUSTOM_CONFIG_PATH=$(WORK)/profile QT_QPA_PLATFORM=offscreen XDG_RUNTIME_DIR=$(WORK)/runtime

ENGINE_TESTS := tests/models tests/inference tests/training tests/samples
QGIS_TESTS := tests/runtime tests/processing tests/ui tests/test_plugin.py tests/test_rooms.py

.PHONY: demo test test-engine test-qgis lint env system clean

demo: system env $(PLUGINS)/flair_landcover
	$(QGIS_ENVIRONMENT) ENGINE_PYTHON=$(ENGINE_PYTHON) sh demo/run.sh $(WORK)

test: test-engine test-qgis

test-engine: system env
	$(ENGINE_PYTHON) -m pytest -q $(ENGINE_TESTS)

test-qgis: system env $(PLUGINS)/flair_landcover
	$(QGIS_ENVIRONMENT) $(SYSTEM_PYTHON) -m pytest -q --import-mode=importlib $(QGIS_TESTS)

# As the plugin site's scanner runs them, see .ci/lint.
lint: env
	sh .ci/lint $(ENGINE_PYTHON)

env: .venv/ready

.venv/ready: pyproject.toml constraints.txt | system
	$(SYSTEM_PYTHON) -m venv .venv
	$(ENGINE_PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

system:
	@missing=$$(dpkg-query -W -f '$${db:Status-Status} $${Package}\n' $(SYSTEM_PACKAGES) 2>/dev/null \
		| grep -c '^installed ' | grep -vx $(words $(SYSTEM_PACKAGES)) || true); \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi; \
		$$as_root apt-get update -q && \
		DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -q -y $(SYSTEM_PACKAGES); \
	fi

$(PLUGINS)/flair_landcover:
	mkdir -p $(PLUGINS) $(WORK)/runtime
	chmod 700 $(WORK)/runtime
	ln -sfn $(CURDIR) $@

clean:
	rm -rf .venv .demo build *.egg-info
