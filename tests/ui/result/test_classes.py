"""Classes switched on and off on the map."""

from __future__ import annotations

from datetime import datetime

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import (
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsSingleBandGrayRenderer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


@pytest.fixture
def layer(runs, project):
    from flair_landcover.layers.results import add_result

    return add_result(project, *runs.make(), datetime(2024, 5, 1, 14, 2))


def colours(layer) -> list[str]:
    """The colour of each class's column of the map on white, and of nodata's."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(140, 140))
    settings.setBackgroundColor(QColor("white"))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    return [QColor(image.pixel(5 + 10 * i, 70)).name() for i in range(14)]


def test_a_hidden_class_is_transparent_on_the_map_and_keeps_its_place_in_the_legend(layer):
    from flair_landcover.ui.result.result_panel import legend_of, show_classes

    before = colours(layer)
    assert before[0] == "#db0e9a" and before[13] == "#ffffff"
    show_classes(layer, {1, 13}, False)
    assert colours(layer) == ["#ffffff", *before[1:12], "#ffffff", "#ffffff"]
    legend = legend_of(layer)
    assert list(legend) == list(range(1, 14))
    assert (legend[1].label, legend[1].color.name(), legend[1].color.alpha()) == ("building", "#db0e9a", 0)
    show_classes(layer, {1, 13}, True)
    assert colours(layer) == before


def test_hiding_classes_keeps_the_opacity_and_what_the_user_changed_in_the_legend(layer):
    from flair_landcover.layers.styling import style_land_cover
    from flair_landcover.ui.result.result_panel import legend_of, show_classes

    style_land_cover(layer, [(1, "toit", "#102030"), (5, "eau", "#0000ff")])
    layer.setOpacity(0.4)
    show_classes(layer, {5}, False)
    assert layer.opacity() == pytest.approx(0.4)
    assert [(c.label, c.color.name()) for c in legend_of(layer).values()] == [("toit", "#102030"), ("eau", "#0000ff")]


def test_a_class_that_the_user_made_half_transparent_is_left_so_while_others_are_switched(layer):
    from flair_landcover.layers.styling import style_land_cover
    from flair_landcover.ui.result.result_panel import legend_of, show_classes

    style_land_cover(layer, [(1, "roof", "#80102030"), (5, "water", "#0000ff")])
    show_classes(layer, {1, 5}, True)
    assert legend_of(layer)[1].color.alpha() == 0x80


def test_a_layer_that_is_shown_in_another_way_is_left_alone(layer):
    from flair_landcover.ui.result.result_panel import legend_of, show_classes

    layer.setRenderer(QgsSingleBandGrayRenderer(layer.dataProvider(), 1))
    show_classes(layer, {1}, False)
    assert isinstance(layer.renderer(), QgsSingleBandGrayRenderer)
    assert legend_of(layer) == {}
