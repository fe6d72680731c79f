"""Bands by role."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.notices import Notice
from flair_landcover.inference.raster.band_names import Said, named_roles
from flair_landcover.inference.raster.band_roles import Bands, guess_bands, parse_bands
from flair_landcover.inference.raster.sample import Sample

from ..conftest import picture


@pytest.mark.parametrize("text", ["R=1 G=2 B=3 NIR=4 ELEVATION=5", "red=1,green=2;blue=3  nir=4 elevation=5"])
def test_bands_are_read_from_text(text):
    assert parse_bands(text) == {"red": 1, "green": 2, "blue": 3, "nir": 4, "elevation": 5}


@pytest.mark.parametrize("text", ["R", "R=", "R=x", "R=0", "R=²", "Q=1", "R=1 R=2", "1 2 3", "R=" + "1" * 5000])
def test_other_text_is_refused_with_an_example(text):
    with pytest.raises(BadInput, match="R=1") as caught:
        parse_bands(text)
    assert len(str(caught.value)) < 200


PIECES = st.sampled_from(["R", "NIR", "elevation", "=", " ", ",", "0", "1", "²", "٣", "9" * 5000])


@settings(derandomize=True, deadline=None, database=None)
@given(st.text() | st.lists(PIECES).map("".join))
def test_any_text_of_bands_is_read_or_refused(text):
    with suppress(BadInput):
        assert all(0 < number < 1_000_000 for number in parse_bands(text).values())


def guessed(descriptions: tuple[str | None, ...], colours: tuple[str, ...], told: list[Notice]) -> dict[str, int]:
    """The guess at a made-up picture, of which nothing but words can be known."""
    pixels = {n: band[None] for n, band in enumerate(picture(len(colours), 64, 64).astype(np.uint8), start=1)}
    said = tuple(Said(text or "", colour=colour) for text, colour in zip(descriptions, colours))
    masks = {number for number, colour in enumerate(colours, start=1) if colour == "alpha"}
    sample = Sample((), pixels, np.ones((1, 64, 64), bool))
    return guess_bands(Bands(sample, said, named_roles(said), masks), "a.tif", told.append)


def test_descriptions_come_before_order():
    told: list[Notice] = []
    bands = guessed(("NIR", "Red", "Green", "Blue"), ("gray",) * 4, told)
    assert bands == {"red": 2, "green": 3, "blue": 4, "nir": 1} and not told


def test_order_serves_where_nothing_is_described_and_transparency_is_passed_by():
    colours = ("gray", "undefined", "undefined", "alpha", "undefined")
    assert guessed((None,) * 5, colours, []) == {
        "red": 1,
        "green": 2,
        "blue": 3,
        "nir": 5,
    }


def test_colours_serve_where_nothing_is_described():
    colours = ("blue", "green", "red", "undefined", "undefined")
    assert guessed((None,) * 5, colours, []) == {"red": 3, "green": 2, "blue": 1, "nir": 4, "elevation": 5}
    colours = ("undefined", "red", "green", "blue")
    assert guessed((None,) * 4, colours, []) == {"nir": 1, "red": 2, "green": 3, "blue": 4}


@pytest.mark.parametrize(
    ("descriptions", "bands"),
    [
        ((None, None, None, "NIR"), {"red": 1, "green": 2, "blue": 3, "nir": 4}),
        (("Proche infrarouge", None, None), {"nir": 1, "red": 2, "green": 3}),
        (("PIR", None, None, None), {"nir": 1, "red": 2, "green": 3, "blue": 4}),
        (("Rouge", None, None, None), {"red": 1, "green": 2, "blue": 3, "nir": 4}),
        (("Bleu", None, None), {"blue": 1, "green": 2, "red": 3}),
        (("Red", "Green", "Blue", None, None), {"red": 1, "green": 2, "blue": 3, "nir": 4, "elevation": 5}),
        ((None, None, None, "Red edge", "NIR"), {"red": 1, "green": 2, "blue": 3, "nir": 5}),
    ],
)
def test_what_is_not_described_goes_by_order_where_the_described_ones_stand_in_it_and_is_told(descriptions, bands):
    told: list[Notice] = []
    assert guessed(descriptions, ("gray",) * len(descriptions), told) == bands
    assert told[0].code == "bands_partly_described" and not told[0].doubt


@pytest.mark.parametrize(
    ("descriptions", "bands"),
    [
        (("NIR", "Blue", "Red", None, "Green"), {"nir": 1, "blue": 2, "red": 3, "green": 5}),
        ((None, "NIR", "Green"), {"nir": 2, "green": 3}),
    ],
)
def test_what_stands_in_no_order_that_people_use_stays_what_it_is_described_as(descriptions, bands):
    told: list[Notice] = []
    assert guessed(descriptions, ("gray",) * len(descriptions), told) == bands
    assert [notice.code for notice in told] == ["bands_not_used"]


def test_a_described_height_leaves_the_colours_to_their_order():
    assert guessed((None, None, None, "MNH"), ("gray",) * 4, []) == {"red": 1, "green": 2, "blue": 3, "elevation": 4}
