"""What an analyst finds in the window of QGIS."""

from __future__ import annotations

import pytest

from flair_landcover.contract.nomenclature import FLAIR_CLASSES

pytest.importorskip("qgis.core", reason="needs QGIS's Python")


def test_the_second_entry_opens_the_dialog_of_the_algorithm(window):
    assert "Land cover of an aerial image" in window["dialog"]["title"]
    # The extent is drawn on the map while the dialog is open.
    assert window["dialog"]["blocks"] is False
    assert window["input"]  # is the layer that was selected


def test_the_dialogs_run_leaves_the_window_usable_and_adds_the_map_with_its_legend(window):
    assert window["turns"] > 10
    assert "Execution completed in" in window["log"] and "building: " in window["log"]
    (layer,) = window["layers"]
    assert layer == {
        "name": "Land cover",
        "renderer": "paletted",
        "legend": [[c.value, c.name, c.colour] for c in FLAIR_CLASSES],
        "tree": True,
    }
