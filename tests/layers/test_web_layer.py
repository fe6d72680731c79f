"""What is known of a web layer, and what may be said of it."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsPointXY,
    QgsRasterLayer,
)

from flair_landcover.layers.web_layer import (
    WebLayer,
    crs_of,
    crs_text,
    is_web_layer,
    public_url,
    web_layer,
    without_addresses,
)

XYZ = "type=xyz&zmin=0&zmax=18&url=http://localhost:1/{z}/{x}/{y}.png"


@pytest.mark.parametrize(
    ("url", "public"),
    [
        (
            "https://data.geopf.fr/wms-r/wms?VERSION=1.3.0&apikey=ign_scan_ws",
            "https://data.geopf.fr/wms-r/wms?VERSION=1.3.0",
        ),
        ("https://" + "jane:s3cret" + "@maps.org:8080/wms?map=/srv/a.map", "https://maps.org:8080/wms?map=/srv/a.map"),
        ("https://wxs.ign.fr/an7nvfzojv5wa96dsga5nk8w/geoportail/wmts", "https://wxs.ign.fr/…/geoportail/wmts"),
        ("https://t.org/123e4567-e89b-12d3-a456-426614174000/{z}/{x}/{y}.png", "https://t.org/…/{z}/{x}/{y}.png"),
        ("https://t.org/{z}/{x}/{y}.png?access_token=pk.abc&key=1", "https://t.org/{z}/{x}/{y}.png"),
        (
            "https://data.geopf.fr/wmts?SERVICE=WMTS&LAYER=ORTHOIMAGERY.ORTHOPHOTOS2021&TILEMATRIX={z}&sig=ab",
            "https://data.geopf.fr/wmts?SERVICE=WMTS&LAYER=ORTHOIMAGERY.ORTHOPHOTOS2021&TILEMATRIX={z}",
        ),
        ("https://t.org/orthophotos-2021-20cm-rvb/{z}", "https://t.org/orthophotos-2021-20cm-rvb/{z}"),
    ],
)
def test_an_address_loses_its_login_and_keys(url, public):
    assert public_url(url) == public


def test_a_sentence_of_a_server_loses_its_addresses():
    assert (
        without_addresses("Error transferring https://a.org/x?key=1 -\n not found")
        == "Error transferring … - not found"
    )


@pytest.mark.parametrize(
    ("name", "source", "infrared"),
    [
        ("BD ORTHO IRC", "", True),
        ("ortho", "layers=ORTHOIMAGERY.ORTHOPHOTOS.IRC&url=http://a", True),
        ("Colour infrared 2021", "", True),
        ("Infrarouge couleur", "", True),
        ("CIR20", "", True),
        ("ortho", "layers=ORTHOIMAGERY.ORTHOPHOTOS&url=http://a", False),
        ("Circuit", "layers=CIRCONSCRIPTIONS&url=http://a", False),
    ],
)
def test_infrared_is_known_by_names(application, name, source, infrared):
    assert WebLayer(name, "wms", source, "EPSG:2154").shows_infrared() is infrared


def test_a_layer_of_files_is_no_web_layer(application, aerial):
    layer = QgsRasterLayer(str(aerial), "ortho")
    assert not is_web_layer(layer) and not is_web_layer(None) and is_web_layer(QgsRasterLayer(XYZ, "tiles", "wms"))
    with pytest.raises(ValueError, match="The layer ortho is no web layer"):
        web_layer(layer)


def test_tiles_of_heights_are_no_picture(application):
    layer = QgsRasterLayer(XYZ + "&interpretation=maptilerterrain", "heights", "wms")
    with pytest.raises(ValueError, match="heights"):
        web_layer(layer)


def test_the_zooms_of_tiles_are_known_the_finest_first(application):
    found = web_layer(QgsRasterLayer(XYZ, "tiles", "wms"))
    assert len(found.resolutions) == 19 and found.resolutions[0] == pytest.approx(0.5971642835)
    assert found.is_xyz() and found.crs == "EPSG:3857" and found.server_layer() == ""


def test_a_crs_without_a_number_travels_as_text(application):
    own = QgsCoordinateReferenceSystem.fromProj("+proj=tmerc +lat_0=40 +lon_0=7 +ellps=GRS80 +units=m")
    again, context = crs_of(crs_text(own)), QgsCoordinateTransformContext()
    assert crs_text(own).startswith("WKT:")
    there = [QgsCoordinateTransform(QgsCoordinateReferenceSystem("EPSG:4326"), c, context) for c in (own, again)]
    assert there[0].transform(QgsPointXY(7.1, 45)).distance(there[1].transform(QgsPointXY(7.1, 45))) < 1e-6
    assert crs_of(crs_text(QgsCoordinateReferenceSystem("EPSG:2154"))).authid() == "EPSG:2154"
