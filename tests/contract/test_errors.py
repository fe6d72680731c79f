"""Which setting bad input is about."""

from __future__ import annotations

import pytest

from flair_landcover.contract.errors import BadInput, Cancelled, about
from flair_landcover.contract.segmentation import SegmentationJob


def test_bad_input_gets_the_field_of_what_is_being_done():
    with pytest.raises(BadInput, match="It is wrong") as caught, about("mask"):
        raise BadInput("It is wrong: change it.")
    assert caught.value.field == "mask"


def test_a_field_that_is_known_already_stays():
    with pytest.raises(BadInput) as caught, about("input"), about("bands"):
        raise BadInput("It is wrong: change it.")
    assert caught.value.field == "bands"


def test_other_errors_pass():
    with pytest.raises(Cancelled), about("input"):
        raise Cancelled


def test_a_path_that_a_job_lacks_is_its_field():
    for field, values in {"input": {"output": "b.tif"}, "output": {"input": "a.tif"}}.items():
        with pytest.raises(BadInput) as caught:
            SegmentationJob.from_dict(values)
        assert caught.value.field == field
