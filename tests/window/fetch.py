"""Run by a real QGIS window: the area of web layers, aerial and infrared, fetched in the dock and mapped, by mouse.

Their server runs in this process, in a thread, with the sample scene for pictures.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from osgeo import gdal
from qgis import utils
from qgis.core import QgsCoordinateReferenceSystem, QgsRasterLayer

from flair_landcover.tests.web_server import Reply, WebServer
from flair_landcover.tests.window.analyst import (
    describe,
    idle,
    part,
    press,
    project,
    ready,
    refused,
    results,
    texts,
)
from flair_landcover.tests.window.driver import (
    Lateness,
    canvas,
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

_SLOW_S = 2.0  # for each picture of the server while the fetch is watched


def steps():
    yield lambda: "flair_landcover" in utils.active_plugins
    iface.mainWindow().resize(1400, 1000)
    server = WebServer(Path(settings["aerial"]))
    infrared = QgsRasterLayer(server.wmts(layer="ORTHO.IRC"), "Orthophotos IRC", "wms")
    ortho = QgsRasterLayer(server.wms(), "Orthophotos", "wms")
    for layer in (infrared, ortho):
        project.addMapLayer(layer)
    project.setCrs(QgsCoordinateReferenceSystem("EPSG:2154"))
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:2154"))
    plugin_action("flairLandCoverDock").trigger()
    yield dock
    form = dock().form
    form.choose_aerial(ortho)
    form.fields.infrared.set_layer(infrared)
    scene = QgsRasterLayer(settings["aerial"], "scene")  # of which the server gives pictures; not in the project
    canvas.setExtent(scene.extent())
    canvas.refresh()
    yield refused
    yield pause(0.5)
    yield drawn
    report["without_area"] = texts(form)

    press(form.fields.area.rectangle_button)
    drag(*part(scene, 0.2, 0.2, 0.8, 0.7))
    yield pause(0.3)
    report["with_area"] = texts(form)
    target = Path(settings["folder"]) / "fetched.tif"
    form.fields.fetch.file.setFilePath(str(target))
    yield pause(0.3)
    picture("fetch")

    # Cancelled in the middle
    server.wrong = lambda parameters, before: Reply(wait_s=20)
    press(form.fields.fetch.button)
    yield pause(1.0)
    since = time.monotonic()
    press(form.fields.fetch.task.cancel_button)
    yield lambda: not form.fields.fetch.task.working()
    report["cancelled"] = {
        "seconds": time.monotonic() - since,
        "said": texts(form.fields.fetch),
        "files": [name for name in os.listdir(settings["folder"]) if "fetched" in name],
    }

    # To its end, while a timer watches the main thread
    server.wrong = lambda parameters, before: Reply(wait_s=_SLOW_S)
    lateness = Lateness()
    lateness.start()
    press(form.fields.fetch.button)
    yield pause(1.0)
    report["fetching"] = texts(form.fields.fetch)
    yield lambda: not form.fields.fetch.task.working()
    lateness.stop()
    report["lateness_ms"], report["turns"] = lateness.largest, lateness.turns
    yield ready
    yield pause(0.8)
    yield drawn
    report["fetched"] = texts(form)
    report["layers"] = [node.name() for node in project.layerTreeRoot().findLayers()]
    report["chosen"] = [form.fields.aerial.layer().name(), form.fields.infrared.layer().name()]
    image = gdal.Open(str(target))
    report["place"] = [*image.GetGeoTransform(), image.RasterXSize, image.RasterYSize]
    picture("fetched")
    server.close()

    press(form.run_button)
    yield lambda: dock().queue.runs
    yield idle
    yield pause(0.5)
    report["result"] = describe(results()[0])
    report["provenance"] = gdal.Open(results()[0].source()).GetMetadataItem("FLAIR_LANDCOVER")


tell(steps())
