"""Run by a real QGIS window: BD ORTHO as a file in colours and one in colour infrared; and a doubt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from osgeo import gdal
from qgis import utils

from flair_landcover.tests.window.analyst import idle, labels, part, press, ready, results, texts
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
from flair_landcover.ui.form.heights_field import HeightSource

_TILE, _INFRARED = "74-2023-0942-6539-LA93-0M20-E080.tif", "74-2023-0942-6539-LA93-0M20-IRC-E080.tif"
_GROUND_M = 431.0  # above sea level


def steps():
    yield lambda: "flair_landcover" in utils.active_plugins
    iface.mainWindow().resize(1400, 1000)
    folder = Path(settings["folder"])
    for name, bands in ((_TILE, (1, 2, 3)), (_INFRARED, (4, 1, 2)), ("four.tif", (1, 2, 3, 4))):
        _bands(str(folder / name), bands)
    image = iface.addRasterLayer(str(folder / _TILE), "BD ORTHO")
    iface.addRasterLayer(str(folder / _INFRARED), "BD ORTHO IRC")  # the active one
    yield pause(0.5)
    plugin_action("flairLandCoverDock").trigger()
    yield dock
    form = dock().form
    yield ready

    # What the analyst does from here to the map, the doubt aside
    choices = ["area"]
    press(form.fields.area.rectangle_button)
    drag(*part(image, 0.35, 0.3, 0.7, 0.6))
    yield pause(0.3)
    yield ready
    yield pause(0.8)  # the pictures of the bands come on their own
    report["form"] = texts(form)
    picture("infrared")
    # A surface model above sea level, given as heights above ground
    _surface(str(folder / "mns.tif"))
    form.fields.heights.set_source(HeightSource.RASTER)
    form.fields.heights.set_paths(str(folder / "mns.tif"), "")
    yield lambda: form.fields.field("heights").remarks.isVisible() or form.fields.field("heights").complaint
    yield pause(0.5)
    yield drawn
    report["in_doubt"] = form.doubts_button.text()
    report["heights"] = texts(form.fields.field("heights").remarks)
    picture("doubt")
    form.fields.heights.set_source(HeightSource.BAND)
    yield lambda: not form.fields.field("heights").remarks.isVisible()
    yield ready

    press(form.run_button)
    report["choices"] = choices
    yield lambda: dock().queue.runs
    report["job"] = dock().queue.runs[0].request.job.to_dict()
    yield idle
    yield pause(0.5)
    report["labels"] = labels(results()[0]).hex()

    # The same from one file of four bands
    whole = iface.addRasterLayer(str(folder / "four.tif"), "four bands")
    form.choose_aerial(whole)
    yield form.fields.bands.text
    yield ready
    report["bands_of_one"] = form.fields.bands.text()
    report["infrared_of_one"] = form.fields.job().image.infrared
    press(form.run_button)
    yield lambda: dock().queue.runs
    yield idle
    yield pause(0.5)
    report["labels_of_one"] = labels(results()[0]).hex()


def _bands(path: str, numbers: tuple[int, ...]) -> None:
    gdal.Translate(path, settings["aerial"], bandList=list(numbers), creationOptions=["PHOTOMETRIC=MINISBLACK"])


def _surface(path: str) -> None:
    source = gdal.Open(settings["aerial"])
    heights = source.GetRasterBand(5).ReadAsArray().astype(np.float32) * 0.2 + _GROUND_M
    made = gdal.GetDriverByName("GTiff").Create(path, source.RasterXSize, source.RasterYSize, 1, gdal.GDT_Float32)
    made.SetGeoTransform(source.GetGeoTransform())
    made.SetProjection(source.GetProjection())
    made.GetRasterBand(1).WriteArray(heights)


tell(steps())
