"""What a map server says of itself: its CRSs, where its tiles begin, and under what licence it gives its pictures.

QGIS reads the same and tells plugins little of it. Without it an image can be fetched too, less exactly.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from qgis.core import QgsBlockingNetworkRequest, QgsFeedback
from qgis.PyQt.QtCore import QByteArray, QUrl, QXmlStreamReader
from qgis.PyQt.QtNetwork import QNetworkRequest

from .web_layer import WebLayer, crs_of

_PIXEL_M = 0.00028  # metres that WMTS counts to a pixel of its scales (OGC 07-057r7, 6.1)
_DEGREE_M = 111_319.49079327358  # and to a degree of the equator (the same, annex E)
_MERCATOR_EDGE = 20_037_508.342789244  # metres from the middle of Web Mercator to its edges
_NOTHING = {"", "none", "unknown", "n/a"}


@dataclass(frozen=True)
class TileGrid:
    """The tiles of one zoom. resolution: units of the CRS to a pixel. left, top: where they begin. size: pixels of a
    tile, (width, height); None where it may be any."""

    resolution: float
    left: float
    top: float
    size: tuple[int, int] | None = None


@dataclass
class ServerFacts:
    """What is known of a layer's server; the defaults where it does not say.

    crs: such as ``EPSG:2154``, in which it draws the layer. grids: of its tiles. largest: pixels a side that it draws
    at once. attribution, licence: in its words.
    """

    crs: set[str] = field(default_factory=set)
    grids: list[TileGrid] = field(default_factory=list)
    largest: int | None = None
    attribution: str = ""
    licence: str = ""

    def grid_of(self, resolution: float) -> TileGrid | None:
        """The tiles of a zoom of `WebLayer.resolutions`."""
        near = min(self.grids, key=lambda grid: abs(grid.resolution - resolution), default=None)
        return near if near and abs(near.resolution - resolution) < 1e-4 * resolution else None


def ask_server(layer: WebLayer, feedback: QgsFeedback | None = None) -> ServerFacts:
    """What the server of a layer says. In any thread; waits for the network. Raises nothing."""
    if layer.is_xyz():
        return ServerFacts(grids=[TileGrid(r, -_MERCATOR_EDGE, _MERCATOR_EDGE) for r in layer.resolutions])
    uri = layer.uri()
    url = uri.param("url")
    if "service=wmts" not in url.lower() and not url.lower().endswith(".xml"):
        separator = "" if url.endswith(("?", "&")) else "&" if urlsplit(url).query else "?"
        url += separator + "SERVICE=WMS&REQUEST=GetCapabilities"
    request = QNetworkRequest(QUrl(url))
    for key in uri.parameterKeys() if hasattr(uri, "parameterKeys") else ("http-header:referer", "referer"):
        if key.startswith("http-header:") or key == "referer":
            request.setRawHeader(key.split(":")[-1].title().encode(), uri.param(key).encode())
    if uri.username() and not uri.authConfigId():
        login = f"{uri.username()}:{uri.password()}".encode()
        request.setRawHeader(b"Authorization", b"Basic " + base64.b64encode(login))
    ask = QgsBlockingNetworkRequest()
    if uri.authConfigId():
        ask.setAuthCfg(uri.authConfigId())
    if ask.get(request, False, feedback) != QgsBlockingNetworkRequest.ErrorCode.NoError:
        return ServerFacts()
    crs = crs_of(layer.crs)
    facts = read_capabilities(
        bytes(ask.reply().content()),
        uri.params("layers"),
        uri.param("tileMatrixSet"),
        _DEGREE_M if crs.isGeographic() else 1.0,
    )
    if crs.hasAxisInverted():
        facts.grids = [replace(grid, left=grid.top, top=grid.left) for grid in facts.grids]
    return facts


def read_capabilities(text: bytes, layers: list[str], matrices: str, unit_m: float = 1.0) -> ServerFacts:
    """What a document of WMS or WMTS says of some layers; the corners of its tiles as they are written.

    matrices: the set of tile matrices in use. unit_m: metres to a unit of its CRS.
    """
    reader = QXmlStreamReader(QByteArray(text))
    facts, path = ServerFacts(), []
    nested: list[dict] = []  # layers of WMS, which pass their CRSs on to those inside
    said: dict[str, list[str]] = {"licence": [], "owner": [], "attribution": []}
    names: set[str] = set()
    in_set, matrix = "", {}
    common: set[str] | None = None
    while not reader.atEnd():
        kind = reader.readNext()
        if kind == QXmlStreamReader.TokenType.StartElement:
            path.append(str(reader.name()))
            if path[-1] == "Layer":
                nested.append({"name": "", "crs": set(), "attribution": ""})
            elif path[-1] == "TileMatrix":
                matrix = {}
        elif kind == QXmlStreamReader.TokenType.Characters and path and not reader.isWhitespace():
            value = " ".join(str(reader.text()).split())
            parent, own = ["", *path][-2:]
            if own in ("AccessConstraints", "Fees") and value.lower() not in _NOTHING:
                said["licence"].append(value)
            elif own == "ProviderName" or (own == "ContactOrganization"):
                said["owner"].append(value)
            elif own in ("MaxWidth", "MaxHeight") and value.isdecimal():
                facts.largest = min(int(value), facts.largest or int(value))
            elif parent == "Layer" and own == "Name" and nested:
                nested[-1]["name"] = value
            elif parent == "Layer" and own in ("CRS", "SRS") and nested:
                nested[-1]["crs"] |= set(value.split())
            elif parent == "Attribution" and own == "Title" and nested:
                nested[-1]["attribution"] = value
            elif parent == "TileMatrixSet" and own == "Identifier":
                in_set = value
            elif parent == "TileMatrix":
                matrix[own] = value
        elif kind == QXmlStreamReader.TokenType.EndElement:
            if path[-1] == "TileMatrix" and in_set == matrices:
                facts.grids += _grid(matrix, unit_m)
            elif path[-1] == "TileMatrixSet":
                in_set = ""
            elif path[-1] == "Layer" and nested:
                if nested[-1]["name"] in layers:
                    names.add(nested[-1]["name"])
                    own_crs = set().union(*(frame["crs"] for frame in nested))
                    common = own_crs if common is None else common & own_crs
                    said["attribution"] += [f["attribution"] for f in reversed(nested) if f["attribution"]][:1]
                nested.pop()
            path.pop()
    if names == set(layers):
        facts.crs = common or set()
    facts.attribution = "; ".join(dict.fromkeys(said["attribution"] or said["owner"]))
    facts.licence = "; ".join(dict.fromkeys(said["licence"]))
    return facts


def _grid(matrix: dict[str, str], unit_m: float) -> list[TileGrid]:
    try:
        left, top = (float(number) for number in matrix["TopLeftCorner"].split())
        size = int(matrix["TileWidth"]), int(matrix["TileHeight"])
        return [TileGrid(float(matrix["ScaleDenominator"]) * _PIXEL_M / unit_m, left, top, size)]
    except (KeyError, ValueError):
        return []
