"""How large an area is on the ground, whatever the canvas's CRS does to lengths."""

from __future__ import annotations

from qgis.core import QgsDistanceArea, QgsGeometry, QgsMapSettings, QgsPointXY
from qgis.PyQt.QtCore import QCoreApplication, QLocale

SQUARE_METRES_PER_HECTARE = 10_000.0


def ground_measure(settings: QgsMapSettings) -> QgsDistanceArea | None:
    """Measures in metres and square metres on the project's ellipsoid.

    A project that measures in the plane gets its CRS's own ellipsoid: a metre of Web Mercator is no
    metre on the ground. None where the canvas has no CRS.
    """
    crs = settings.destinationCrs()
    measure = QgsDistanceArea()
    measure.setSourceCrs(crs, settings.transformContext())
    ellipsoid = settings.ellipsoid()
    measure.setEllipsoid(crs.ellipsoidAcronym() if ellipsoid in ("", "NONE") else ellipsoid)
    return measure if measure.willUseEllipsoid() else None


def area_text(settings: QgsMapSettings, area: QgsGeometry) -> str:
    """`12.4 ha`, for a polygon in the canvas's CRS; empty where the canvas has no CRS."""
    measure = ground_measure(settings)
    if measure is None:
        return ""
    hectares = measure.measureArea(area) / SQUARE_METRES_PER_HECTARE
    return QCoreApplication.translate("GroundSize", "{area} ha").format(area=_hectares(hectares))


def sides_text(settings: QgsMapSettings, corner: QgsPointXY, middle: QgsPointXY, opposite: QgsPointXY) -> str:
    """`412 m × 300 m`: from `corner` to `middle` and from there to `opposite`, in the canvas's CRS."""
    measure = ground_measure(settings)
    if measure is None:
        return ""
    return QCoreApplication.translate("GroundSize", "{width} m × {height} m").format(
        width=_metres(measure.measureLine(corner, middle)),
        height=_metres(measure.measureLine(middle, opposite)),
    )


def _metres(value: float) -> str:
    return QLocale().toString(value, "f", 1 if value < 100 else 0)


def _hectares(value: float) -> str:
    return QLocale().toString(value, "f", 3 if value < 1 else 2 if value < 10 else 1)
