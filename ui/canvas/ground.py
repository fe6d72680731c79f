"""How large an area is on the ground, whatever the canvas's CRS does to lengths."""

from __future__ import annotations

from qgis.core import QgsDistanceArea, QgsGeometry, QgsMapSettings, QgsPointXY

from ..widgets.amounts import area_text, sides_text


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


def ground_area(settings: QgsMapSettings, area: QgsGeometry) -> str:
    """`12.36 ha`, for a polygon in the canvas's CRS; empty where the canvas has no CRS."""
    measure = ground_measure(settings)
    return "" if measure is None else area_text(measure.measureArea(area))


def ground_sides(settings: QgsMapSettings, corner: QgsPointXY, middle: QgsPointXY, opposite: QgsPointXY) -> str:
    """`412 m × 300 m`: from `corner` to `middle` and from there to `opposite`, in the canvas's CRS."""
    measure = ground_measure(settings)
    if measure is None:
        return ""
    return sides_text(measure.measureLine(corner, middle), measure.measureLine(middle, opposite))
