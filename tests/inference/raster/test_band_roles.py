"""Bands by role."""

from __future__ import annotations

import pytest

from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.raster.band_roles import guess_bands, parse_bands


@pytest.mark.parametrize("text", ["R=1 G=2 B=3 NIR=4 ELEVATION=5", "red=1,green=2;blue=3  nir=4 elevation=5"])
def test_bands_are_read_from_text(text):
    assert parse_bands(text) == {"red": 1, "green": 2, "blue": 3, "nir": 4, "elevation": 5}


@pytest.mark.parametrize("text", ["R", "R=", "R=x", "R=0", "R=²", "Q=1", "R=1 R=2", "1 2 3"])
def test_other_text_is_refused_with_an_example(text):
    with pytest.raises(BadInput, match="R=1"):
        parse_bands(text)


def test_descriptions_come_before_order():
    assert guess_bands(("NIR", "Red", "Green", "Blue"), ("gray",) * 4) == {"red": 2, "green": 3, "blue": 4, "nir": 1}


def test_order_serves_where_nothing_is_described_and_transparency_is_passed_by():
    colours = ("gray", "undefined", "undefined", "alpha", "undefined")
    assert guess_bands((None,) * 5, colours) == {
        "red": 1,
        "green": 2,
        "blue": 3,
        "nir": 5,
    }


def test_colours_serve_where_nothing_is_described():
    colours = ("blue", "green", "red", "undefined", "undefined")
    assert guess_bands((None,) * 5, colours) == {"red": 3, "green": 2, "blue": 1, "nir": 4, "elevation": 5}
