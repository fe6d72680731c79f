"""Where a fetched image comes from: noted in its file by QGIS's side, copied into a map's provenance by the engine."""

from __future__ import annotations

from dataclasses import dataclass

from .plain import Plain

ORIGIN_TAG = "FLAIR_ORIGIN"  # of a GeoTIFF: JSON text


@dataclass(frozen=True)
class ImageOrigin(Plain):
    """What is known of an image that was fetched from a server; "" where it is not known.

    layer: its name in QGIS. url: of the server, without user, password and keys. server_layer: the server's own names
    for it. attribution: whom to name. licence: what the server or the layer says of its use. fetched: ISO date and
    time with time zone. software: what fetched it.
    """

    layer: str
    url: str = ""
    server_layer: str = ""
    attribution: str = ""
    licence: str = ""
    fetched: str = ""
    software: str = ""
