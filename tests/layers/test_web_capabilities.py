"""What servers say of themselves, read from documents of WMS and WMTS."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")

from flair_landcover.layers.web_capabilities import read_capabilities

WMS = b"""<?xml version="1.0"?><WMS_Capabilities version="1.3.0" xmlns="http://www.opengis.net/wms">
<Service><Name>WMS</Name><Fees>none</Fees><AccessConstraints>Etalab 2.0 &amp; more</AccessConstraints>
<MaxWidth>4096</MaxWidth><MaxHeight>2048</MaxHeight>
<ContactInformation><ContactPersonPrimary><ContactOrganization>Agency</ContactOrganization></ContactPersonPrimary>
</ContactInformation></Service>
<Capability><Layer><Title>all</Title><CRS>EPSG:2154</CRS>
<Layer><Name>A</Name><CRS>EPSG:3857</CRS><Style><Name>B</Name></Style></Layer>
<Layer><Name>B</Name><CRS>EPSG:32631</CRS><Attribution><Title>B's makers</Title></Attribution></Layer>
</Layer></Capability></WMS_Capabilities>"""
WMTS = b"""<?xml version="1.0"?><Capabilities xmlns="http://www.opengis.net/wmts/1.0"
xmlns:ows="http://www.opengis.net/ows/1.1"><ows:ServiceProvider><ows:ProviderName>Agency</ows:ProviderName>
</ows:ServiceProvider><Contents><TileMatrixSet><ows:Identifier>L</ows:Identifier>
<TileMatrix><ows:Identifier>0</ows:Identifier><ScaleDenominator>714.285714285714</ScaleDenominator>
<TopLeftCorner>0 12000000</TopLeftCorner><TileWidth>256</TileWidth><TileHeight>512</TileHeight></TileMatrix>
<TileMatrix><ows:Identifier>1</ows:Identifier><ScaleDenominator>broken</ScaleDenominator></TileMatrix></TileMatrixSet>
<TileMatrixSet><ows:Identifier>M</ows:Identifier><TileMatrix><ows:Identifier>0</ows:Identifier>
<ScaleDenominator>1000</ScaleDenominator><TopLeftCorner>1 2</TopLeftCorner><TileWidth>256</TileWidth>
<TileHeight>256</TileHeight></TileMatrix></TileMatrixSet></Contents></Capabilities>"""


def test_the_crs_of_a_layer_are_its_own_and_those_of_the_layers_around_it():
    assert read_capabilities(WMS, ["A"], "").crs == {"EPSG:2154", "EPSG:3857"}
    assert read_capabilities(WMS, ["B", "A"], "").crs == {"EPSG:2154"}
    assert read_capabilities(WMS, ["A", "C"], "").crs == set()


def test_licence_and_whom_to_name_are_read():
    facts = read_capabilities(WMS, ["A"], "")
    assert (facts.licence, facts.attribution, facts.largest) == ("Etalab 2.0 & more", "Agency", 2048)
    assert read_capabilities(WMS, ["B"], "").attribution == "B's makers"


def test_the_tiles_are_those_of_the_set_in_use():
    facts = read_capabilities(WMTS, ["A"], "L")
    (grid,) = facts.grids
    assert grid.resolution == pytest.approx(0.2) and (grid.left, grid.top, grid.size) == (0, 12_000_000, (256, 512))
    assert facts.grid_of(0.2000000001) is grid and facts.grid_of(0.21) is None
    assert facts.attribution == "Agency" and facts.licence == ""


@pytest.mark.parametrize("text", [b"", b"<html><body>log in", WMS[:400], b"\xff\xfe\x00", b"{}"])
def test_what_is_no_such_document_says_nothing_and_breaks_nothing(text):
    facts = read_capabilities(text, ["A"], "L")
    assert facts.crs == set() and facts.grids == []
