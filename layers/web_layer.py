"""A web layer as plain values: what QGIS asks its server for, and what may be said of it without its keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from qgis.core import QgsCoordinateReferenceSystem, QgsDataSourceUri, QgsMapLayer, QgsRasterLayer
from qgis.PyQt.QtCore import QCoreApplication

PROVIDERS = ("wms",)  # QGIS's name for all of WMS, WMTS and XYZ

# What a query of a map server may hold that is no key; all else is left out.
_KNOWN = frozenset(
    (
        *("service", "request", "version", "layer", "layers", "style", "styles", "format", "transparent", "map"),
        *("tilematrixset", "tilematrix", "tilerow", "tilecol", "crs", "srs", "bbox", "width", "height"),
    )
)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_KEY_LENGTH = 16  # letters and digits mixed in one part of a path: those of IGN's old addresses had 24
_BLANK = "…"
_INFRARED = re.compile(r"(?<![a-z])(irc|cir|pir|nir|infra-?red|infra-?rouge)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class WebLayer:
    """What a background thread needs of a web layer, copied on the main thread.

    name: the layer's. provider: of `PROVIDERS`. source: as QGIS opens it, keys included. crs: as `crs_of` takes it.
    resolutions: units of the CRS to a pixel of each zoom that there is, the finest first; empty where the server draws
    any. attribution, licence: what the layer says, "" where nothing.
    """

    name: str
    provider: str
    source: str
    crs: str
    resolutions: tuple[float, ...] = ()
    attribution: str = ""
    licence: str = ""

    def uri(self) -> QgsDataSourceUri:
        """The parts of the source."""
        uri = QgsDataSourceUri()
        uri.setEncodedUri(self.source)
        return uri

    def is_xyz(self) -> bool:
        """Whether its tiles are those of Web Mercator that need no capabilities."""
        return self.uri().param("type") == "xyz"

    def server_layer(self) -> str:
        """The server's names for what is shown, "" where it has none."""
        return ",".join(self.uri().params("layers"))

    def shows_infrared(self) -> bool:
        """Whether its names say that it is colour infrared: near infrared, red, green."""
        text = re.sub(r"[^A-Za-z-]+", " ", f"{self.name} {self.server_layer()}")
        return bool(_INFRARED.search(text))


def is_web_layer(layer: QgsMapLayer | None) -> bool:
    """Whether a layer is pictures of a server that can be fetched."""
    return isinstance(layer, QgsRasterLayer) and layer.providerType() in PROVIDERS


def web_layer(layer: QgsRasterLayer) -> WebLayer:
    """The plain values of a layer. For the main thread.

    Raises ValueError, with a sentence for the user, where it gives no pictures that can be fetched.
    """
    if not is_web_layer(layer):
        raise ValueError(_tr("The layer {} is no web layer: its pixels can be used as they are.").format(layer.name()))
    provider = layer.dataProvider()
    if not layer.isValid() or provider is None or not layer.crs().isValid():
        raise ValueError(
            _tr("The layer {} does not answer: see whether its server can be reached, then reload it.").format(
                layer.name()
            )
        )
    found = WebLayer(
        name=layer.name(),
        provider=layer.providerType(),
        source=layer.source(),
        crs=crs_text(layer.crs()),
        resolutions=tuple(sorted(provider.nativeResolutions())),
        attribution=_attribution(layer),
        licence="; ".join(text.strip() for text in layer.metadata().licenses() if text.strip()),
    )
    if found.uri().param("interpretation"):
        raise ValueError(
            _tr("The layer {} holds heights in the colours of pictures: choose another.").format(layer.name())
        )
    return found


def crs_text(crs: QgsCoordinateReferenceSystem) -> str:
    """A CRS as `crs_of` takes it."""
    if crs.authid().startswith("EPSG:"):
        return crs.authid()
    return "WKT:" + crs.toWkt(QgsCoordinateReferenceSystem.WktVariant.WKT_PREFERRED)


def crs_of(text: str) -> QgsCoordinateReferenceSystem:
    """The CRS of a text such as ``EPSG:2154`` or ``WKT:PROJCRS[...]``."""
    if text.startswith("WKT:"):
        return QgsCoordinateReferenceSystem.fromWkt(text[4:])
    return QgsCoordinateReferenceSystem(text)


def public_url(url: str) -> str:
    """An address without user, password and keys.

    Of its query the parameters that map servers define are kept; a part of the path that looks like a key is blanked.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    query = [(name, value) for name, value in parse_qsl(parts.query) if name.lower() in _KNOWN]
    path = "/".join(_BLANK if _like_a_key(part) else part for part in parts.path.split("/"))
    return urlunsplit((parts.scheme, host, path, urlencode(query, safe=":/,{}"), ""))


def without_addresses(text: str) -> str:
    """A server's or QGIS's own words without the addresses in them, which may hold keys."""
    return re.sub(r"https?://\S+", _BLANK, " ".join(text.split()))


def _like_a_key(part: str) -> bool:
    if _UUID.fullmatch(part):
        return True
    mixed = re.search(r"[A-Za-z]", part) and re.search(r"\d", part)
    return bool(len(part) >= _KEY_LENGTH and mixed and part.isalnum())


def _attribution(layer: QgsRasterLayer) -> str:
    server = getattr(layer, "serverProperties", None)
    ask = getattr(server(), "attribution", None) if server else None  # since QGIS 3.24
    texts = [(ask or layer.attribution)(), *layer.metadata().rights()]
    return "; ".join(dict.fromkeys(text.strip() for text in texts if text.strip()))


def _tr(text: str) -> str:
    return QCoreApplication.translate("WebLayer", text)
