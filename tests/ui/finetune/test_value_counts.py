"""Values counted beside the main thread."""

from __future__ import annotations

import gc

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import NULL, QgsFeature, QgsVectorLayer
from qgis.PyQt.QtCore import QEvent
from qgis.PyQt.QtWidgets import QApplication

from flair_landcover.ui.finetune.value_counts import MAX_VALUES, ValueCount, ValueCounter

from ..annotate.conftest import lambert, memory_layer, square
from ..canvas.conftest import wait_for


@pytest.fixture
def counter(application):
    made = ValueCounter()
    made.heard = []
    made.counted.connect(lambda counts, too_many: made.heard.append((counts, too_many)))
    yield made
    made.rest()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def counted(counter, times: int = 1) -> list[ValueCount]:
    wait_for(lambda: len(counter.heard) >= times)
    return counter.heard[-1][0]


def test_values_are_counted_with_their_areas_the_most_frequent_first(counter, project):
    counter.watch(memory_layer(project, "string", ["roof", "road", "roof", NULL, " roof "]), "kind")
    roof, *others = counted(counter)
    assert (roof.value, roof.polygons) == ("roof", 3) and roof.area_m2 == pytest.approx(12, rel=0.005)
    assert [(each.value, each.polygons) for each in others] == [("", 1), ("road", 1)]
    assert counter.heard[0][1] is False


@pytest.mark.parametrize(
    ("kind", "values", "texts"), [("integer", [3, 3, 4], ["3", "4"]), ("double", [3.0, 2.5], ["2.5", "3"])]
)
def test_numbers_are_told_as_the_engine_takes_them(counter, project, kind, values, texts):
    counter.watch(memory_layer(project, kind, values), "kind")
    assert sorted(each.value for each in counted(counter)) == texts


def test_of_equally_frequent_values_numbers_come_by_size(counter, project):
    counter.watch(memory_layer(project, "integer", [10, 9, 1]), "kind")
    assert [each.value for each in counted(counter)] == ["1", "9", "10"]


def test_areas_are_on_the_ground_whatever_the_crs(counter, project):
    from ..canvas.conftest import to_crs

    corner, opposite = to_crs(942_390, 6_538_548, 4326), to_crs(942_410, 6_538_568, 4326)
    layer = QgsVectorLayer("Polygon?crs=EPSG:4326&field=kind:string", "degrees", "memory")
    feature = QgsFeature(layer.fields())
    from qgis.core import QgsGeometry, QgsRectangle

    feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(corner, opposite)))
    feature["kind"] = "a"
    layer.dataProvider().addFeatures([feature])
    counter.watch(layer, "kind")
    assert counted(counter)[0].area_m2 == pytest.approx(400, rel=0.15)  # north is not straight up in Lambert-93


def test_a_field_of_too_many_values_is_given_up(counter, project):
    counter.watch(memory_layer(project, "integer", list(range(MAX_VALUES + 1))), "kind")
    counted(counter)
    assert counter.heard[0][1] is True


def test_unsaved_edits_count_and_are_counted_as_they_come(counter, project, annotations):
    from flair_landcover.layers.annotations import add_correction

    counter.watch(annotations, "class")
    assert counted(counter) == []
    for column in (0, 20):
        add_correction(project, annotations, square(column, 0, 10), lambert(), 5, 7)
    (found,) = counted(counter, 2)
    assert (found.value, found.polygons) == ("7", 2)
    annotations.rollBack()
    assert counted(counter, 3) == []


def test_a_hundred_thousand_polygons_do_not_hold_up_the_window(counter, project):
    from qgis.PyQt.QtCore import QTimer

    layer = QgsVectorLayer("Polygon?crs=EPSG:2154&field=kind:integer", "many", "memory")
    features = []
    geometry = square(0, 0, 10)
    for number in range(100_000):
        feature = QgsFeature(layer.fields())
        feature.setAttributes([number % 7 + 1])
        feature.setGeometry(geometry)
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    del features
    turns = []
    timer = QTimer()
    timer.timeout.connect(lambda: turns.append(len(counter.heard)))
    timer.start(10)
    counter.watch(layer, "kind")
    assert counter.heard == []  # it goes on elsewhere
    assert sum(each.polygons for each in counted(counter)) == 100_000
    timer.stop()
    assert turns.count(0) > 5  # the window lived meanwhile


def test_a_layer_removed_while_it_is_counted_is_let_go(counter, project):
    layer = memory_layer(project, "integer", [1] * 2000)
    counter.watch(layer, "kind")
    project.removeMapLayer(layer)
    del layer
    gc.collect()
    for _ in range(20):
        QApplication.processEvents()
    assert counter.heard == []


def test_a_counter_at_rest_is_connected_to_nothing(counter, annotations):
    def listeners() -> list[int]:
        signals = (annotations.layerModified, annotations.afterRollBack, annotations.dataChanged)
        return [annotations.receivers(signal) for signal in signals]

    before = listeners()
    counter.watch(annotations, "class")
    assert listeners() != before
    counter.rest()
    assert listeners() == before
    counter.rest()


def test_a_field_that_is_not_there_is_not_counted(counter, annotations):
    counter.watch(annotations, "nothing")
    counter.watch(None, "class")
    QApplication.processEvents()
    assert counter.heard == []
