"""Annotation layers asked for, and polygons drawn by hand."""

from __future__ import annotations

import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES, LandCoverClass

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis import utils

from flair_landcover.layers.annotations import classes_of
from flair_landcover.ui.annotate.drawing import annotations_for, draw_polygons

from .conftest import lambert

PANELS = LandCoverClass(14, "solar panels", "#0000ff")


class Window:
    """What the plugin uses of QGIS's window."""

    def __init__(self) -> None:
        self.active = None
        self.triggered = 0

    def setActiveLayer(self, layer) -> None:
        self.active = layer

    def actionAddFeature(self):
        return self

    def trigger(self) -> None:
        self.triggered += 1


def test_drawing_makes_the_layer_editable_and_chooses_the_tool_that_adds_polygons(project, annotations, monkeypatch):
    window = Window()
    monkeypatch.setattr(utils, "iface", window)
    node = project.layerTreeRoot().findLayer(annotations.id())
    node.setItemVisibilityChecked(False)
    draw_polygons(annotations)
    assert annotations.isEditable() and window.active is annotations and window.triggered == 1 and node.isVisible()


def test_a_new_layer_is_asked_for_once_and_then_used_again(project, aerial, tmp_path):
    asked = []

    def ask(parent, proposed: str) -> str:
        asked.append(proposed)
        return str(tmp_path / "chosen")  # without its ending

    given_up = annotations_for(project, None, aerial, lambert(), FLAIR_CLASSES, lambda *_: "")
    made = annotations_for(project, None, aerial, lambert(), FLAIR_CLASSES, ask)
    again = annotations_for(project, None, aerial, lambert(), [*FLAIR_CLASSES, PANELS], ask)
    assert given_up is None and made is again and asked == [str(tmp_path / "ortho_annotations.gpkg")]
    assert (tmp_path / "chosen.gpkg").is_file() and classes_of(made)[-1] == PANELS
