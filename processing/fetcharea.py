"""`flair:fetcharea`: an area of a web layer as a GeoTIFF that the other algorithms can use."""

from __future__ import annotations

import os

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
    QgsProcessingParameterCrs,
    QgsProcessingParameterExtent,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
)

from ..contract.cards import ModelCard
from ..layers.web_grid import LARGEST, grid_over, local_crs
from ..layers.web_image import fetch_image, plan_fetch
from ..layers.web_layer import crs_of, web_layer
from .algorithm import FlairAlgorithm, described, or_refuse

LAYER = "LAYER"
EXTENT = "EXTENT"
PIXEL_SIZE = "PIXEL_SIZE"
CRS = "CRS"
LARGEST_IMAGE = "LARGEST"
OUTPUT = "OUTPUT"
LICENCE = "LICENCE"

_MODELS_M = ModelCard.ground_sampling_distance
_MEGA = 1_000_000


class FetchAreaAlgorithm(FlairAlgorithm):
    """Copies its parameters to plain values and fetches; needs no engine."""

    def name(self) -> str:
        return "fetcharea"

    def displayName(self) -> str:
        return self.tr("Fetch an area of a web layer")

    def tags(self) -> list[str]:
        return self.tr("WMS,WMTS,XYZ,tiles,download,export,orthophoto,Géoplateforme,IGN,FLAIR").split(",")

    def shortHelpString(self) -> str:
        return self.tr(
            "<p>Writes an area of a web layer (WMS, WMTS, XYZ) as a GeoTIFF of red, green and blue whose pixels are "
            "square metres of the ground: what a land-cover map can be made of. Nothing but the layer's own server is "
            "asked, through QGIS, with the login that the layer has.</p>"
            "<p>The pixels come as they are where the server has them in the image's CRS at the pixel size asked for; "
            "otherwise they are resampled from a zoom that is at least as fine, if there is one. A picture that does "
            "not come, or is no picture, is asked for again; in the end the image is whole, or there is none.</p>"
            "<p>The file says where it comes from, without login and keys, and the map made of it says so too. Whether "
            "you may fetch and use the pictures is for you to see: the licence is what the layer or its server says of "
            "it.</p>"
        )

    def canExecute(self) -> tuple[bool, str]:
        return True, ""

    def initAlgorithm(self, configuration: dict | None = None) -> None:
        number = QgsProcessingParameterNumber
        self.add(
            described(
                QgsProcessingParameterRasterLayer(LAYER, self.tr("Web layer")),
                self.tr(
                    "Layer of a WMS, WMTS or XYZ server. On the command line 'wms://' and the layer's source, such as "
                    "'wms://type=xyz&zmax=19&url=https://...'."
                ),
            ),
            described(
                QgsProcessingParameterExtent(EXTENT, self.tr("Extent")),
                self.tr("What is fetched. Extents that touch give images that fit together."),
            ),
            described(
                number(PIXEL_SIZE, self.tr("Pixel size in metres"), number.Type.Double, _MODELS_M, minValue=0.01),
                self.tr("The model's is 0.2 m."),
            ),
            described(
                QgsProcessingParameterCrs(CRS, self.tr("CRS"), optional=True),
                self.tr(
                    "Of the image; it has to measure in metres of the ground. Left empty: the layer's, else the "
                    "project's, where they do; else Lambert-93 in mainland France and the UTM zone elsewhere."
                ),
            ),
            described(
                number(
                    LARGEST_IMAGE,
                    self.tr("Most pixels, in millions"),
                    number.Type.Integer,
                    LARGEST // _MEGA,
                    minValue=1,
                ),
                self.tr("A larger image is refused before anything is asked for: be kind to the server."),
                advanced=True,
            ),
            described(
                QgsProcessingParameterRasterDestination(OUTPUT, self.tr("Fetched image")),
                self.tr("GeoTIFF of red, green and blue; of near infrared, red and green for a layer named IRC or so."),
            ),
        )
        self.addOutput(QgsProcessingOutputString(LICENCE, self.tr("Attribution and licence")))

    def prepareAlgorithm(
        self, parameters: dict, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Copies all that belongs to QGIS to plain values: the work itself runs in another thread."""
        layer = self.parameterAsRasterLayer(parameters, LAYER, context)
        if layer is None:
            raise QgsProcessingException(self.invalidRasterError(parameters, LAYER))
        self._web = or_refuse(web_layer, layer)
        extent = self.parameterAsExtent(parameters, EXTENT, context)
        # An extent that names no CRS is in the project's.
        crs = self.parameterAsExtentCrs(parameters, EXTENT, context)
        project = context.project()
        if not crs.isValid() and project is not None:
            crs = project.crs()
        if extent.isNull() or not crs.isValid():
            raise QgsProcessingException(
                self.tr("The extent has no CRS: write it behind, such as '0,100,0,100 [EPSG:2154]'.")
            )
        wanted = self.parameterAsCrs(parameters, CRS, context)
        if not wanted.isValid():
            candidates = [layer.crs(), *([project.crs()] if project is not None else [])]
            wanted = or_refuse(local_crs, extent, crs, candidates)
        self._grid = or_refuse(grid_over, extent, crs, self.parameterAsDouble(parameters, PIXEL_SIZE, context), wanted)
        most = self.parameterAsInt(parameters, LARGEST_IMAGE, context) * _MEGA
        plan = or_refuse(plan_fetch, [self._web], self._grid)
        size = self.tr("{:,} × {:,} pixels, requests to the server: {:,}, at most {:,.1f} MB").format(
            self._grid.width, self._grid.height, plan.requests, plan.megabytes
        )
        if self._grid.pixels > most:
            raise QgsProcessingException(
                self.tr("The image would have {}: choose a smaller extent or a larger pixel size, or raise {}.").format(
                    size, LARGEST_IMAGE
                )
            )
        for text in (size, *plan.remarks):
            feedback.pushInfo(text)
        return True

    def work(self, parameters: dict, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> dict:
        path = self.parameterAsOutputLayer(parameters, OUTPUT, context)

        def show(fraction: float, text: str) -> None:
            feedback.setProgress(100 * fraction)
            feedback.setProgressText(text)

        origin = fetch_image(self._web, self._grid, os.path.abspath(path), show, feedback.isCanceled)
        rights = "; ".join(filter(None, (origin.attribution, origin.licence)))
        feedback.pushInfo(
            self.tr("{}, {}: {}").format(
                self._web.name,
                crs_of(self._grid.crs).userFriendlyIdentifier(),
                rights or self.tr("neither the layer nor its server says under what licence"),
            )
        )
        return {OUTPUT: path, LICENCE: rights}
