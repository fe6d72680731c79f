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
_MERCATOR = "EPSG:3857"
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
        if layer.crs != _MERCATOR:
            return ServerFacts()
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
    reader, document = QXmlStreamReader(QByteArray(text)), _Document(layers, matrices, unit_m)
    while not reader.atEnd():
        kind = reader.readNext()
        if kind == QXmlStreamReader.TokenType.StartElement:
            document.begin(str(reader.name()))
        elif kind == QXmlStreamReader.TokenType.Characters and not reader.isWhitespace():
            document.say(" ".join(str(reader.text()).split()))
        elif kind == QXmlStreamReader.TokenType.EndElement:
            document.end()
    return document.facts()


@dataclass
class _Frame:
    """A layer of WMS, which passes its CRSs on to those inside."""

    name: str = ""
    crs: set[str] = field(default_factory=set)
    attribution: str = ""


class _Document:
    """What was read so far of a document of capabilities."""

    def __init__(self, layers: list[str], matrices: str, unit_m: float) -> None:
        self._layers = layers
        self._matrices = matrices
        self._unit_m = unit_m
        self._path: list[str] = []
        self._frames: list[_Frame] = []
        self._crs_of: dict[str, set[str]] = {}  # by layer, of those asked for
        self._matrix_set = ""
        self._matrix: dict[str, str] = {}
        self._facts = ServerFacts()
        self._licence: list[str] = []
        self._owner: list[str] = []
        self._attribution: list[str] = []

    def begin(self, name: str) -> None:
        self._path.append(name)
        if name == "Layer":
            self._frames.append(_Frame())
        elif name == "TileMatrix":
            self._matrix = {}

    def say(self, value: str) -> None:
        parent, own = ["", "", *self._path][-2:]
        facts, frame = self._facts, self._frames[-1] if self._frames else _Frame()
        if own in ("AccessConstraints", "Fees") and value.lower() not in _NOTHING:
            self._licence.append(value)
        elif own in ("ProviderName", "ContactOrganization"):
            self._owner.append(value)
        elif own in ("MaxWidth", "MaxHeight") and value.isdecimal():
            facts.largest = min(int(value), facts.largest or int(value))
        elif (parent, own) == ("Layer", "Name"):
            frame.name = value
        elif (parent, own) in (("Layer", "CRS"), ("Layer", "SRS")):
            frame.crs |= set(value.split())
        elif (parent, own) == ("Attribution", "Title"):
            frame.attribution = value
        elif (parent, own) == ("TileMatrixSet", "Identifier"):
            self._matrix_set = value
        elif parent == "TileMatrix":
            self._matrix[own] = value

    def end(self) -> None:
        name = self._path.pop()
        if name == "TileMatrix" and self._matrix_set == self._matrices:
            self._facts.grids += _grid(self._matrix, self._unit_m)
        elif name == "TileMatrixSet":
            self._matrix_set = ""
        elif name == "Layer" and self._frames:
            frame = self._frames[-1]
            if frame.name in self._layers:
                self._crs_of[frame.name] = set().union(*(each.crs for each in self._frames))
                self._attribution += [each.attribution for each in self._frames[::-1] if each.attribution][:1]
            self._frames.pop()

    def facts(self) -> ServerFacts:
        """All layers asked for have to be there: they are drawn together."""
        if self._layers and set(self._crs_of) == set(self._layers):
            self._facts.crs = set.intersection(*self._crs_of.values())
        self._facts.attribution = "; ".join(dict.fromkeys(self._attribution or self._owner))
        self._facts.licence = "; ".join(dict.fromkeys(self._licence))
        return self._facts


def _grid(matrix: dict[str, str], unit_m: float) -> list[TileGrid]:
    try:
        left, top = (float(number) for number in matrix["TopLeftCorner"].split())
        size = int(matrix["TileWidth"]), int(matrix["TileHeight"])
        return [TileGrid(float(matrix["ScaleDenominator"]) * _PIXEL_M / unit_m, left, top, size)]
    except (KeyError, ValueError):
        return []
