"""Copies what belongs to QGIS (layers, geometries) to the plain values that a job holds."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsFeatureIterator,
    QgsFeatureRequest,
    QgsFeatureSource,
    QgsGeometry,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeatureSource,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
)
from qgis.PyQt.QtCore import QCoreApplication

from ..contract.dates import date_in
from ..contract.errors import BadInput
from ..contract.image import dated_path


def _tr(text: str) -> str:
    return QCoreApplication.translate("Sources", text)


def absolute(path: str) -> str:
    """An existing file's path from the root: the engine's current folder may be another. Others as they are.

    path: may have a date behind it (see `SegmentationJob.sentinel2`).
    """
    file, _ = dated_path(path)
    return os.path.abspath(file) + path[len(file) :] if os.path.exists(file) else path


def raster_path(layer: QgsRasterLayer) -> str:
    """The data source of a raster layer that GDAL can read outside QGIS too.

    Raises ValueError, with a sentence for the user, for web layers and others without pixels of their own.
    """
    if layer.providerType() != "gdal":
        raise ValueError(
            _tr(
                "The layer {} comes from {}, which gives pictures and not the pixels themselves: "
                "export it to a GeoTIFF first."
            ).format(layer.name(), layer.providerType().upper())
        )
    # Behind the bar are QGIS's own settings for opening the file, which no other program reads.
    return absolute(layer.source().split("|option:")[0])


def assigned_crs(layer: QgsRasterLayer) -> str:
    """The CRS that was given to a raster layer in QGIS, as `ImageSettings.crs` takes it; "" where it is its file's.

    A geographic one is none that was meant: pixels in degrees cannot be mapped, and it may be QGIS's default.
    """
    crs, own = layer.crs(), layer.dataProvider().crs()
    if not crs.isValid() or crs.isGeographic() or crs == own:
        return ""
    return crs.authid() if crs.authid().startswith("EPSG:") else crs.toWkt(QgsCoordinateReferenceSystem.WKT_PREFERRED)


# Names that GDAL gives to a variable of a NetCDF file, and to the bands of one resolution of a Sentinel-2 product.
_NETCDF = re.compile(r'^(?:NETCDF|HDF5):"?(?P<path>.+?)"?:[^:/\\]+$')
_PRODUCT = re.compile(r"^SENTINEL2_L2A:(?P<path>.+MTD_[^/\\]+\.xml)(?::[^/\\]*)?$")


def series_path(layer: QgsMapLayer) -> str:
    """What holds the Sentinel-2 series that a layer shows: its file, the cube of its variable, or its product.

    Where the file's name has no date and the layer's has one, that stands behind the path.
    Raises ValueError, with a sentence for the user, for what is no raster or has no pixels of its own.
    """
    if not isinstance(layer, QgsRasterLayer):
        raise ValueError(_tr("The layer {} is no raster: choose rasters of Sentinel-2.").format(layer.name()))
    path = raster_path(layer)
    variable, product = _NETCDF.match(path), _PRODUCT.match(path)
    if variable:
        return absolute(variable["path"])
    if product:
        inside = product["path"]
        archive = re.match(r"^/vsizip/(?P<path>.+?\.zip)(?:/|$)", inside, re.IGNORECASE)
        return absolute(archive["path"] if archive else os.path.dirname(inside))
    return _with_date_of(layer, path)


def _with_date_of(layer: QgsRasterLayer, path: str) -> str:
    """The path with the date of the layer's name behind it, where the file's name has none."""
    try:
        date = None if date_in(os.path.basename(path), path) else date_in(layer.name(), layer.name())
    except BadInput:  # one that is on no calendar: the engine says so where it matters
        date = None
    return f"{path}@{date}" if date else path


def series_paths(layers: Iterable[QgsMapLayer]) -> tuple[str, ...]:
    """What holds the series that several layers show, each once.

    Raises ValueError as `series_path`.
    """
    return tuple(dict.fromkeys(series_path(layer) for layer in layers))


def layer_of(path: str, source: Callable[[QgsRasterLayer], str] = raster_path) -> QgsRasterLayer | None:
    """The project's layer that shows a file, if any; source: `raster_path`, or `series_path` for a series."""
    wanted = _one_spelling(path)
    for layer in QgsProject.instance().mapLayers().values():
        own = isinstance(layer, QgsRasterLayer) and layer.providerType() == "gdal"
        if own and _one_spelling(source(layer)) == wanted:
            return layer
    return None


def _one_spelling(path: str) -> str:
    """The same for all of a file's names."""
    return os.path.normcase(os.path.realpath(path))


def features_of(source: QgsFeatureSource, request: QgsFeatureRequest | None = None) -> QgsFeatureIterator:
    """The features of a source as they are, their geometries valid or not.

    A `QgsProcessingFeatureSource` that checks geometries throws a C++ exception out of its iterator, and QGIS's
    binding lets that pass through the interpreter's own frames: QGIS crashes a moment later. So whoever wants
    valid geometries asks for these and checks them (`valid_geometries`).
    """
    request = request or QgsFeatureRequest()
    if isinstance(source, QgsProcessingFeatureSource):
        return source.getFeatures(request, QgsProcessingFeatureSource.Flag.FlagSkipGeometryValidityChecks)
    return source.getFeatures(request)


def valid_geometries(
    source: QgsProcessingFeatureSource, value: object, context: QgsProcessingContext, feedback: QgsProcessingFeedback
) -> list[QgsGeometry]:
    """The geometries of a parameter's source; with those that are invalid happens what QGIS is set to do with them.

    value: what the parameter was given, which may hold a setting of its own.
    Raises ValueError, with a sentence for the user, at an invalid geometry where those are to stop the run.
    """
    check = context.invalidGeometryCheck()
    if isinstance(value, QgsProcessingFeatureSourceDefinition) and (
        value.flags & QgsProcessingFeatureSourceDefinition.Flag.FlagOverrideDefaultGeometryCheck
    ):
        check = value.geometryCheck
    geometries = []
    for feature in features_of(source):
        geometry = feature.geometry()
        if geometry.isEmpty():
            continue
        if check == QgsFeatureRequest.InvalidGeometryCheck.GeometryNoCheck or geometry.isGeosValid():
            geometries.append(geometry)
        elif check == QgsFeatureRequest.InvalidGeometryCheck.GeometrySkipInvalid:
            feedback.pushWarning(
                _tr("The polygon {} of {} has an invalid geometry and is left out.").format(
                    feature.id(), source.sourceName()
                )
            )
        else:
            raise ValueError(
                _tr("The polygon {} of {} has an invalid geometry: repair it with QGIS's “Fix geometries”.").format(
                    feature.id(), source.sourceName()
                )
            )
    return geometries


def polygon_in(geometry: QgsGeometry, transform: QgsCoordinateTransform) -> dict:
    """A polygon as a GeoJSON-like geometry in the CRS that `transform` leads to.

    Raises ValueError, with a sentence for the user, where that CRS does not reach.
    """
    moved = QgsGeometry(geometry)
    try:
        moved.transform(transform)
        # Where the CRS does not reach, PROJ gives infinity and QGIS raises or passes it on.
        reached = moved.boundingBox().isFinite()
    except QgsCsException:
        reached = False
    if not reached:
        raise ValueError(
            _tr("A polygon lies outside the CRS of the aerial image: choose polygons that overlap the image.")
        )
    return json.loads(moved.asJson(6))
