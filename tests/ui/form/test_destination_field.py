"""Where the map goes."""

from __future__ import annotations

import os
from pathlib import Path

from qgis.core import QgsProcessingUtils

from flair_landcover.ui.form.destination_field import DestinationField


def test_a_temporary_layer_goes_where_qgis_knows_it_as_temporary_and_makes_nothing_yet(application):
    destination = DestinationField().destination(probabilities=False)
    assert os.path.dirname(destination.output) == QgsProcessingUtils.tempFolder()
    assert destination.paths() == [destination.output] and not os.path.exists(destination.output)


def test_each_run_has_a_file_of_its_own(application):
    field = DestinationField()
    first = field.destination(False).output
    assert field.destination(False).output == first
    field.next()
    assert field.destination(False).output != first


def test_confidence_and_probabilities_lie_beside_the_map(application, tmp_path):
    field = DestinationField()
    field.set_file(str(tmp_path / "carte.tif"))
    field.set_confidence(True)
    names = [Path(path).name for path in field.destination(probabilities=True).paths()]
    assert names == ["carte.tif", "carte_confidence.tif", "carte_probabilities.tif"]


def test_a_name_without_ending_becomes_a_geotiff(application, tmp_path):
    field = DestinationField()
    field.set_file(str(tmp_path / "carte.2021"))
    assert Path(field.destination(False).output).name == "carte.2021.tif"


def test_a_file_is_not_taken_twice(application, tmp_path):
    field = DestinationField()
    field.set_file(str(tmp_path / "carte.tif"))
    field.next()
    assert os.path.dirname(field.destination(False).output) == QgsProcessingUtils.tempFolder()
