"""The plot of a training, by what it paints and says."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt.QtGui import QColor, QPalette

from flair_landcover.ui.finetune.training_plot import TrainingPlot

from .conftest import epoch


@pytest.fixture
def plot(application):
    made = TrainingPlot()
    made.resize(500, 300)
    yield made
    made.deleteLater()


def ink(plot: TrainingPlot, colour: QColor) -> int:
    """Pixels that are nearly of a colour."""
    image = plot.grab().toImage()
    wanted = colour.getRgb()[:3]
    pixels = (image.pixelColor(x, y).getRgb()[:3] for x in range(image.width()) for y in range(image.height()))
    return sum(max(abs(a - b) for a, b in zip(pixel, wanted)) < 12 for pixel in pixels)


def test_it_says_the_epoch_and_the_best_one(plot):
    assert plot.summary() == ""
    plot.add(epoch(1, iou=0.2, best=True))
    plot.add(epoch(2, iou=0.35, best=True))
    plot.add(epoch(3, iou=0.3))
    assert plot.summary() == "Epoch 3 of 30; best so far: epoch 2 with an IoU of 0.35"
    assert plot.accessibleDescription() == plot.summary()
    plot.clear()
    assert plot.summary() == ""


def test_without_a_hold_out_the_training_polygons_measure(plot):
    plot.add(epoch(1, iou=None, best=True))
    assert plot.summary() == "Epoch 1 of 30; best so far: epoch 1 with an IoU of 0.50"


@pytest.mark.parametrize("ground", ["#ffffff", "#202020"])
def test_curves_grow_and_are_seen_on_light_and_on_dark(plot, ground):
    palette = QPalette(QColor(ground))
    palette.setColor(QPalette.ColorRole.Base, QColor(ground))
    palette.setColor(QPalette.ColorRole.Highlight, QColor("#d7401a"))
    plot.setPalette(palette)
    plot.add(epoch(1, iou=0.2, best=True))
    few = ink(plot, QColor("#d7401a"))
    for number in range(2, 25):
        plot.add(epoch(number, iou=0.2 + number / 60, best=True))
    assert ink(plot, QColor("#d7401a")) > few + 100
    assert ink(plot, QColor(ground)) > 50_000


def test_a_colour_of_emphasis_that_hides_on_its_ground_is_not_used(plot):
    palette = QPalette(QColor("#ffffff"))
    for role in (QPalette.ColorRole.Highlight, QPalette.ColorRole.Link):
        palette.setColor(role, QColor("#f4f4c0"))
    palette.setColor(QPalette.ColorRole.Base, QColor("#ffffff"))
    plot.setPalette(palette)
    for number in range(1, 20):
        plot.add(epoch(number, iou=number / 20, best=True))
    assert ink(plot, QColor("#f4f4c0")) == 0


@pytest.mark.parametrize(
    "epochs",
    [
        [],
        [epoch(1, of=1, iou=0.0)],
        [epoch(1, iou=0.0), epoch(2, iou=0.0)],
        [replace(epoch(1), loss=float("nan"), holdout_loss=None)],
        [replace(epoch(1), loss=0.0, holdout_loss=0.0)],
        [replace(epoch(1), loss=1e9)],
    ],
)
def test_any_numbers_are_painted_at_any_size(plot, epochs):
    for values in epochs:
        plot.add(values)
    for size in ((500, 300), (40, 30), (3, 2)):
        plot.resize(*size)
        assert not plot.grab().isNull()
