"""Gives the layers of a result their looks."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.core import (
    QgsColorRampLegendNodeSettings,
    QgsContrastEnhancement,
    QgsPalettedRasterRenderer,
    QgsRasterLayer,
    QgsSingleBandGrayRenderer,
)
from qgis.PyQt.QtGui import QColor

Legend = Sequence[tuple[int, str, str]]  # value, name, #rrggbb


def style_land_cover(layer: QgsRasterLayer, legend: Legend) -> None:
    """Shows the classes of `legend` in their colours; nodata stays transparent."""
    classes = [QgsPalettedRasterRenderer.Class(value, QColor(colour), name) for value, name, colour in legend]
    layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, classes))


def style_grey(layer: QgsRasterLayer, maximum: float, suffix: str = "") -> None:
    """Shows the first band from black (0) to white (`maximum`); nodata stays transparent.

    suffix: what the legend writes behind its numbers, such as " %".
    """
    provider = layer.dataProvider()
    renderer = QgsSingleBandGrayRenderer(provider, 1)
    stretch = QgsContrastEnhancement(provider.dataType(1))
    stretch.setContrastEnhancementAlgorithm(QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum)
    stretch.setMinimumValue(0)
    stretch.setMaximumValue(maximum)
    renderer.setContrastEnhancement(stretch)
    settings = QgsColorRampLegendNodeSettings()
    settings.setSuffix(suffix)
    renderer.setLegendSettings(settings)
    layer.setRenderer(renderer)


def style_confidence(layer: QgsRasterLayer) -> None:
    """Shows the confidence of a map, 0 to 100 percent: the darker, the more doubtful."""
    style_grey(layer, 100, " %")
