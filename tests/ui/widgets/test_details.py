"""The details that go into a report."""

from __future__ import annotations

import json
import platform

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import Qgis
from qgis.PyQt.QtCore import QT_VERSION_STR

from flair_landcover.contract.notices import notice, with_evidence
from flair_landcover.contract.version import plugin_version
from flair_landcover.layers.run_request import RunRequest
from flair_landcover.runtime.errors import EngineDied
from flair_landcover.tests.jobs import finetune_job, segmentation_job
from flair_landcover.ui.widgets.details import details_text

pytestmark = pytest.mark.usefixtures("josefine")

JOB = segmentation_job(
    input="/data/people/josefine/été.tif", output="/home/marie/map.tif", extent=(1.0, 2.0, 3.5, 4.0), tta="flips"
)


def settings_in(text: str) -> dict:
    """The job that a text holds as JSON."""
    return json.JSONDecoder().raw_decode(text[text.index("{") :])[0]


def test_versions_of_everything_are_told():
    text = details_text(versions={"python": "3.11.9", "torch": "2.4.1"})
    first, host, system, engine = text.splitlines()
    assert first == f"FLAIR Land Cover {plugin_version()}"
    assert Qgis.version() in host and QT_VERSION_STR in host and platform.python_version() in host
    assert system.startswith("System ") and len(system) > len("System ")
    assert "python 3.11.9" in engine and "torch 2.4.1" in engine


def test_an_engine_that_did_not_answer_is_told_as_such():
    assert details_text().splitlines()[-1] == "Engine has not answered yet"


@pytest.mark.parametrize("form", ["request", "job"])
def test_the_settings_are_told_as_they_were_but_for_names(form):
    request = RunRequest(job=JOB, name="été", model_title="M", aerial_layer="", crs_wkt="", tiles=24)
    text = details_text({"request": request, "job": JOB}[form])
    plain = json.loads(json.dumps(JOB.to_dict()))  # as JSON has it: lists, no tuples
    expected = {**plain, "input": ["~/été.tif"], "output": "/home/<user>/map.tif", "extent": [1.0, 2.0, 3.5, 4.0]}
    assert settings_in(text) == expected
    assert ("24 tiles planned" in text) == (form == "request")


def test_the_settings_of_a_fine_tuning_are_told_too():
    job = finetune_job("/data/people/josefine/été.tif", "/home/marie/p.gpkg")
    plain = json.loads(json.dumps(job.to_dict()))
    expected = {**plain, "input": ["~/été.tif"], "polygons": "/home/<user>/p.gpkg"}
    assert settings_in(details_text(job)) == expected


def test_warnings_and_the_engines_log_are_told_without_names():
    error = EngineDied("The engine crashed: run again.", 'File "/data/people/josefine/x.py"\njosefine was here\n')
    text = details_text(JOB, error, [notice("unknown_dates", dates=["/home/marie/heights"]), notice("no_infrared")])
    assert "Error (EngineDied)\nThe engine crashed: run again.\n" in text
    remarks = "- The Sentinel-2 series has no date /home/<user>/heights that could be left out.\n"
    assert f"Warnings\n{remarks}- The aerial raster has no near infrared: " in text
    assert text.endswith('Log\nFile "~/x.py"\n<user> was here\n')
    assert "josefine" not in text and "marie" not in text


def test_a_warning_is_told_with_what_it_rests_on():
    text = details_text(JOB, None, [with_evidence(notice("coarse_pixels", size=1.5), pixel_m=1.5, share=0.123456)])
    assert " less accurate. (pixel_m 1.5, share 0.1235)\n" in text


def test_an_error_of_python_is_told_with_its_traceback():
    try:
        raise KeyError("lost")
    except KeyError as error:
        text = details_text(error=error)
    assert "Traceback (most recent call last)" in text and "KeyError: 'lost'" in text


def test_a_mask_of_many_corners_is_told_by_its_size():
    ring = [[float(i), float(i)] for i in range(2000)]
    job = segmentation_job(input="a", output="b", mask=({"type": "Polygon", "coordinates": [ring]},))
    text = details_text(job)
    assert len(text) < 2000 and "1 polygons" in settings_in(text)["mask"]
    small = segmentation_job(input="a", output="b", mask=({"type": "Polygon", "coordinates": [ring[:4]]},))
    assert settings_in(details_text(small))["mask"][0]["type"] == "Polygon"
