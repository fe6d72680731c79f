"""Run by a real QGIS window in which the plugin is off: how long switching it on takes, beside an empty plugin."""

from __future__ import annotations

import sys
import time

from qgis import utils

from flair_landcover.tests.window.driver import pause, report, settings, tell

HEAVY = ("torch", "rasterio", "segmentation_models_pytorch", "numpy")


def switched_on_ms(name: str) -> float:
    """Milliseconds of what QGIS does at its start for a plugin that is on: import it and call `initGui`."""
    start = time.perf_counter()
    assert utils.loadPlugin(name) and utils.startPlugin(name)
    return 1000 * (time.perf_counter() - start)


def steps():
    yield pause(1.0)
    utils.updateAvailablePlugins()
    # What this script itself has imported of the plugin is forgotten: the measured import is a first one.
    for name in [name for name in sys.modules if name.split(".")[0] == "flair_landcover"]:
        if not name.startswith("flair_landcover.tests"):
            del sys.modules[name]
    before = set(sys.modules)
    report["empty_ms"] = switched_on_ms(settings["empty"])
    report["plugin_ms"] = switched_on_ms("flair_landcover")
    report["heavy"] = sorted(name for name in HEAVY if name in set(sys.modules) - before)


tell(steps())
