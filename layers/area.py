"""A part of the earth to map, whatever CRS it was drawn in."""

from __future__ import annotations

from dataclasses import dataclass

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsGeometry,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)

from .sources import polygon_in

_CORNERS = 20  # added to each edge of a polygon before it is moved to another CRS, where straight lines bend

_Extent = tuple[float, float, float, float]  # xmin, ymin, xmax, ymax


@dataclass(frozen=True)
class Area:
    """What part of an image is wanted.

    geometries: polygons. crs: theirs. exact: whether nothing outside the polygons is wanted; otherwise the
    rectangle around them is. title: how the analyst chose it.
    """

    geometries: tuple[QgsGeometry, ...]
    crs: QgsCoordinateReferenceSystem
    exact: bool
    title: str

    def in_image(self, layer: QgsRasterLayer) -> tuple[_Extent, tuple[dict, ...] | None]:
        """`extent_and_mask` in the CRS of an aerial image, the extent no larger than the image.

        An area beside the image stays as it is: the engine says what is wrong with it.
        """
        image = layer.extent()
        extent, mask = self.extent_and_mask(layer.crs(), image)
        shared = QgsRectangle(*extent).intersect(image)
        return (extent if shared.isEmpty() else _sides(shared)), mask

    def extent_and_mask(
        self, crs: QgsCoordinateReferenceSystem, near: QgsRectangle | None = None
    ) -> tuple[_Extent, tuple[dict, ...] | None]:
        """As a job holds them: (xmin, ymin, xmax, ymax) and GeoJSON-like polygons, in the CRS named.

        near: of a rectangle that overlaps this one (in the CRS named) only that part counts.
        Raises ValueError, with a sentence for the user, where that CRS does not reach.
        """
        context = QgsProject.instance().transformContext()
        transform = QgsCoordinateTransform(self.crs, crs, context)
        if not self.exact:
            box = self.geometries[0].boundingBox()
            try:
                if near is not None:
                    # First, as the CRS of an image does not reach round the world, which a canvas may show.
                    back = QgsCoordinateTransform(crs, self.crs, context)
                    shared = box.intersect(back.transformBoundingBox(near))
                    box = box if shared.isEmpty() else shared
                return _sides(transform.transformBoundingBox(box)), None
            except QgsCsException:
                raise ValueError(
                    QgsApplication.translate("Area", "The area lies outside the CRS of the image: choose it anew.")
                ) from None
        dense = self.crs != crs
        mask = tuple(polygon_in(g.densifyByCount(_CORNERS) if dense else g, transform) for g in self.geometries)
        corners = [corner for polygon in mask for corner in _corners(polygon["coordinates"])]
        xs, ys = [c[0] for c in corners], [c[1] for c in corners]
        return (min(xs), min(ys), max(xs), max(ys)), mask


def _sides(box: QgsRectangle) -> _Extent:
    return box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()


def _corners(coordinates: list) -> list:
    """The coordinates of a GeoJSON geometry, however nested."""
    if isinstance(coordinates[0], (int, float)):
        return [coordinates]
    return [corner for part in coordinates for corner in _corners(part)]
