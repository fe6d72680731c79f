"""Correcting and drawing in a real QGIS window (see tests/window/correct.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from flair_landcover.tests.conftest import seen_in_window


@pytest.fixture(scope="module")
def corrected(tmp_path_factory) -> dict:
    return seen_in_window(tmp_path_factory, "correct")


def test_a_click_and_a_key_correct_the_map_among_qgiss_own_shortcuts(corrected):
    assert corrected["outlined"] is True
    assert corrected["corrected"] == [[1, 5], [11, 7]]
    path = Path(corrected["folder"]) / "small_annotations.gpkg"  # beside the image
    assert corrected["file"] == f"{path}|layername=annotations" and path.is_file()


def test_ctrl_z_takes_back_the_correction_while_the_tool_is_on(corrected):
    assert corrected["undone"] == [[1, 5]] and "One polygon is not saved yet" in corrected["said"]
    assert corrected["left"] is True


def test_drawing_by_hand_is_qgiss_own_tool_on_the_annotation_layer(corrected):
    assert corrected["drawing"] == {"active": True, "editable": True, "tool": True}
