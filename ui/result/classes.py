"""Classes switched on and off on the map, through QGIS's own renderer: nothing but the project remembers it."""

from __future__ import annotations

from collections.abc import Collection

from qgis.core import QgsPalettedRasterRenderer, QgsRasterLayer


def legend_of(layer: QgsRasterLayer) -> dict[int, QgsPalettedRasterRenderer.Class]:
    """The layer's classes by value; none where it is shown by another kind of renderer."""
    renderer = layer.renderer()
    if not isinstance(renderer, QgsPalettedRasterRenderer):
        return {}
    return {int(entry.value): entry for entry in renderer.classes()}


def show_classes(layer: QgsRasterLayer, values: Collection[int], shown: bool) -> None:
    """Makes classes transparent on the map, or opaque again. Their colours and names stay as they are.

    A layer that is shown by another kind of renderer is left alone.
    """
    before = layer.renderer()
    if not isinstance(before, QgsPalettedRasterRenderer):
        return
    classes = before.classes()
    for entry in classes:
        if int(entry.value) in values and (entry.color.alpha() > 0) != shown:
            colour = entry.color
            colour.setAlpha(255 if shown else 0)
            entry.color = colour
    after = QgsPalettedRasterRenderer(layer.dataProvider(), before.usesBands()[0], classes)
    # The layer's opacity is its renderer's.
    after.copyCommonProperties(before)
    if before.sourceColorRamp():
        after.setSourceColorRamp(before.sourceColorRamp().clone())
    layer.setRenderer(after)
    layer.triggerRepaint()
