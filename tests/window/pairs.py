"""Run by a real QGIS window: two real aerial tiles, each mapped with the real series that lies above it."""

from __future__ import annotations

import os

from qgis import utils
from qgis.PyQt.QtWidgets import QComboBox

from flair_landcover.tests.window.analyst import idle, press, project, ready, results, texts
from flair_landcover.tests.window.driver import (
    dock,
    iface,
    pause,
    picture,
    plugin_action,
    report,
    settings,
    tell,
)
from flair_landcover.ui.form.series_field import DateMark

BANDS = {"NIR": 1, "Red": 2, "Green": 3, "Blue": 4}


def choose_bands(form) -> None:
    boxes = {box.accessibleName(): box for box in form.fields.bands.findChildren(QComboBox)}
    for role, number in BANDS.items():
        box = boxes[f"Band for {role}"]
        box.setCurrentIndex(box.findData(number))


def steps():
    yield lambda: "flair_landcover" in utils.active_plugins
    iface.mainWindow().resize(1400, 1000)
    plugin_action("flairLandCoverDock").trigger()
    yield dock
    form = dock().form
    report["pairs"] = {}
    for name in sorted(os.listdir(settings["pairs"])):
        folder = os.path.join(settings["pairs"], name)
        aerial = iface.addRasterLayer(os.path.join(folder, "tile.tif"), name)
        form.fields.aerial.set_layer(aerial)
        yield pause(0.5)
        yield ready
        choose_bands(form)
        form.fields.sentinel2.set_paths((os.path.join(folder, "series", "SEN2_pair_data.npy"),))
        yield lambda: form.fields.series.findChildren(DateMark)
        yield pause(0.5)
        yield ready
        seen = {"calendar": texts(form.fields.series), "form": texts(form), "bands": form.fields.bands.bands()}
        press(form.run_button)
        yield lambda: dock().queue.runs
        seen["job"] = dock().queue.runs[0].request.job.to_dict()
        yield idle
        yield pause(0.5)
        layer = results()[0]
        seen["size"] = [layer.width(), layer.height()]
        seen["crs"] = [layer.crs().authid(), aerial.crs().authid()]
        report["pairs"][name] = seen
        picture(f"pair-{len(report['pairs'])}")
        form.fields.sentinel2.set_paths(())  # of another place than the next
        project.removeAllMapLayers()
        yield pause(0.3)


tell(steps())
