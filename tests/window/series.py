"""Run by a real QGIS window: a map with a year of Sentinel-2, its calendar, and what the series changed."""

from __future__ import annotations

import os

from qgis import utils

from flair_landcover.tests.window.analyst import idle, part, press, project, ready, texts
from flair_landcover.tests.window.driver import (
    dock,
    drag,
    drawn,
    iface,
    pause,
    picture,
    plugin_action,
    report,
    settings,
    tell,
)
from flair_landcover.ui.form.series_field import DateMark


def steps():
    yield lambda: "flair_landcover" in utils.active_plugins
    iface.mainWindow().resize(1400, 1000)
    aerial = iface.addRasterLayer(settings["aerial"], "village")
    yield pause(0.5)
    plugin_action("flairLandCoverDock").trigger()
    yield dock
    form = dock().form
    yield ready
    press(form.fields.area.rectangle_button)
    drag(*part(aerial, 0.35, 0.3, 0.7, 0.6))
    yield pause(0.1)
    form.fields.sentinel2.set_paths((settings["sentinel2"],))
    yield lambda: form.fields.series.findChildren(DateMark)
    yield pause(0.3)
    yield ready
    report["calendar"] = texts(form.fields.series)
    picture("series")

    clear = next(mark for mark in form.fields.series.findChildren(DateMark) if mark.date.state == "clear")
    press(clear)
    report["one_left_out"] = texts(form.fields.series)
    report["leave_out"] = list(form.fields.series.leave_out())
    report["clear_date"] = clear.date.date
    press(form.fields.series.difference_box)
    yield pause(0.3)
    yield ready
    report["form"] = texts(form)
    press(form.run_button)
    yield lambda: dock().queue.runs
    report["job"] = dock().queue.runs[0].request.job.to_dict()
    yield idle
    yield pause(0.5)
    yield drawn
    (group,) = [node for node in project.layerTreeRoot().children() if node.name().startswith("U-T&T starter")]
    report["group"] = [(node.name(), node.isVisible()) for node in group.children()]
    report["said"] = texts(dock().results)
    report["files"] = {node.name(): os.path.exists(node.layer().source()) for node in group.children()}
    picture("series-result")


tell(steps())
