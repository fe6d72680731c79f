"""A small server of map pictures, as a national mapping agency has them: WMS, WMTS and XYZ tiles of one aerial raster.

It runs in a thread of the test's process, of the standard library and GDAL alone. A test may make it slow or wrong.
"""

from __future__ import annotations

import math
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from osgeo import gdal

gdal.UseExceptions()

LAMBERT_93, WEB_MERCATOR = 2154, 3857
MERCATOR_EDGE = math.pi * 6378137.0  # metres from the middle of Web Mercator to its edges
TILE = 256  # pixels a side
LAMBERT_ORIGIN = (0.0, 12_000_000.0)  # upper left corner of the tile grid in Lambert-93
LAMBERT_FINEST_M = 0.2
LAMBERT_LEVELS = 6
MERCATOR_LEVELS = 20  # zooms 0 to 19, as the agency's aerial images
LICENCE = "Licence Ouverte / Open Licence 2.0"
OWNER = "IGN-like agency"


@dataclass
class Reply:
    """What a request gets instead of a picture, or a moment later."""

    status: int = 200
    body: bytes | None = None
    kind: str = "text/html"
    wait_s: float = 0.0
    location: str = ""


Wrong = Callable[[dict[str, str], int], "Reply | None"]


class WebServer:
    """Serves until it is closed.

    aerial: a raster in Lambert-93 of red, green, blue and near infrared. The layer ORTHO shows the first three,
    ORTHO.IRC near infrared, red and green.
    requests: the paths with their queries of pictures asked for, in their order. headers: those of each of them.
    wrong: gives what a request for a picture gets instead, from its parameters in capitals and how often the same
    picture was asked for before; None: the picture.
    """

    def __init__(self, aerial: Path) -> None:
        dataset = gdal.Open(str(aerial))
        self._pixels = dataset.ReadAsArray()
        self._transform = dataset.GetGeoTransform()
        self._aerial = str(aerial)
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.wrong: Wrong = lambda parameters, before: None
        self._lock = threading.Lock()
        self._closed = False
        serve = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                serve.answer(self)

            def log_message(self, *_) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Answers no more, on lines that are open neither."""
        if self._closed:
            return
        self._closed = True
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # Sources, as QGIS writes them

    def wms(self, crs: str = "EPSG:2154", layer: str = "ORTHO", more: str = "", form: str = "image/png") -> str:
        return (
            f"contextualWMSLegend=0&crs={crs}&dpiMode=7&featureCount=10&format={form}&layers={layer}&styles"
            f"&url={self.address}/wms{more}"
        )

    def wmts(self, matrices: str = "LAMB93", layer: str = "ORTHO") -> str:
        crs = "EPSG:2154" if matrices == "LAMB93" else "EPSG:3857"
        return (
            f"contextualWMSLegend=0&crs={crs}&dpiMode=7&featureCount=10&format=image/png&layers={layer}&styles=normal"
            f"&tileMatrixSet={matrices}&url={self.address}/wmts?SERVICE%3DWMTS%26VERSION%3D1.0.0%26REQUEST%3DGetCapabilities"
        )

    def xyz(self, finest: int = 21, more: str = "") -> str:
        return f"type=xyz&zmin=0&zmax={finest}&url={self.address}/xyz/{{z}}/{{x}}/{{y}}.png{more}"

    # Answers

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        if self._closed:
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        parts = urlsplit(handler.path)
        parameters = {name.upper(): value for name, value in parse_qsl(parts.query)}
        request = parameters.get("REQUEST", "").lower()
        service, *place = parts.path.strip("/").split("/")
        if request == "getcapabilities":
            text = _wms_capabilities(self.address) if service == "wms" else _wmts_capabilities(self.address)
            _send(handler, Reply(body=text.encode(), kind="text/xml"))
            return
        with self._lock:
            before = self.requests.count(handler.path)
            self.requests.append(handler.path)
            self.headers.append({name.lower(): value for name, value in handler.headers.items()})
        if service == "xyz":
            parameters.update(TILEMATRIX=place[0], TILECOL=place[1], TILEROW=place[2].split(".")[0])
        reply = self.wrong(parameters, before) or Reply()
        time.sleep(reply.wait_s)
        if reply.body is None and reply.status == 200:
            reply.body, reply.kind = self._picture(service, parameters)
        _send(handler, reply)

    def _picture(self, service: str, parameters: dict[str, str]) -> tuple[bytes, str]:
        if service == "wms":
            crs = int(parameters["CRS"].split(":")[1])
            box = [float(number) for number in parameters["BBOX"].split(",")]
            size = int(parameters["WIDTH"]), int(parameters["HEIGHT"])
        else:
            crs, box = tile_box(
                service == "xyz" or parameters.get("TILEMATRIXSET") == "PM",
                int(parameters["TILEMATRIX"]),
                int(parameters["TILECOL"]),
                int(parameters["TILEROW"]),
            )
            size = TILE, TILE
        infrared = "IRC" in (parameters.get("LAYERS") or parameters.get("LAYER") or "")
        kind = parameters.get("FORMAT", "image/png")
        return encoded(self._pixels_in(crs, box, size, [4, 1, 2] if infrared else [1, 2, 3]), kind), kind

    def _pixels_in(self, crs: int, box: list[float], size: tuple[int, int], bands: list[int]) -> np.ndarray:
        """(4, rows, columns) uint8: the bands, and opacity, 0 outside of the raster."""
        xmin, ymin, xmax, ymax = box
        if crs == LAMBERT_93:
            left, pixel, _, top, _, _ = self._transform
            xs = xmin + (np.arange(size[0]) + 0.5) * (xmax - xmin) / size[0]
            ys = ymax - (np.arange(size[1]) + 0.5) * (ymax - ymin) / size[1]
            columns, rows = np.floor((xs - left) / pixel).astype(int), np.floor((top - ys) / pixel).astype(int)
            _, height, width = self._pixels.shape
            inside = np.outer((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
            shown = self._pixels[np.array(bands) - 1]
            taken = shown[:, rows.clip(0, height - 1)][:, :, columns.clip(0, width - 1)]
            return np.concatenate([taken * inside, 255 * inside[None]]).astype(np.uint8)
        return gdal.Warp(
            "",
            gdal.Translate("", self._aerial, format="VRT", bandList=bands),
            format="MEM",
            dstSRS=f"EPSG:{crs}",
            outputBounds=box,
            width=size[0],
            height=size[1],
            resampleAlg="cubic",
            dstAlpha=True,
            errorThreshold=0,
        ).ReadAsArray()


def tile_box(mercator: bool, level: int, column: int, row: int) -> tuple[int, list[float]]:
    """EPSG code and (xmin, ymin, xmax, ymax) of a tile."""
    if mercator:
        side, left, top = 2 * MERCATOR_EDGE / 2**level, -MERCATOR_EDGE, MERCATOR_EDGE
    else:
        side = TILE * LAMBERT_FINEST_M * 2 ** (LAMBERT_LEVELS - 1 - level)
        left, top = LAMBERT_ORIGIN
    xmin, ymax = left + column * side, top - row * side
    return WEB_MERCATOR if mercator else LAMBERT_93, [xmin, ymax - side, xmin + side, ymax]


def encoded(pixels: np.ndarray, kind: str = "image/png") -> bytes:
    """A picture of (bands, rows, columns) uint8."""
    count, height, width = pixels.shape if kind == "image/png" else (3, *pixels.shape[1:])
    memory = gdal.GetDriverByName("MEM").Create("", width, height, count)
    memory.WriteArray(pixels[:count])
    path = f"/vsimem/{uuid.uuid4().hex}"
    gdal.GetDriverByName("PNG" if kind == "image/png" else "JPEG").CreateCopy(path, memory)
    file = gdal.VSIFOpenL(path, "rb")
    body = bytes(gdal.VSIFReadL(1, gdal.VSIStatL(path).size, file))
    gdal.VSIFCloseL(file)
    gdal.Unlink(path)
    return body


def _send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    body = reply.body or b""
    try:
        handler.send_response(reply.status)
        handler.send_header("Content-Type", reply.kind)
        if reply.location:
            handler.send_header("Location", reply.location)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    except (BrokenPipeError, ConnectionResetError):  # whoever asked has gone
        handler.close_connection = True


def _wms_capabilities(address: str) -> str:
    layers = "".join(
        f"""<Layer queryable="0" opaque="0"><Name>{name}</Name><Title>{title}</Title>
        <EX_GeographicBoundingBox><westBoundLongitude>-6</westBoundLongitude><eastBoundLongitude>10</eastBoundLongitude>
        <southBoundLatitude>41</southBoundLatitude><northBoundLatitude>52</northBoundLatitude></EX_GeographicBoundingBox>
        <BoundingBox CRS="EPSG:2154" minx="0" miny="6000000" maxx="1300000" maxy="7200000"/>
        <Attribution><Title>{OWNER}</Title></Attribution><Style><Name>normal</Name><Title>normal</Title></Style></Layer>"""
        for name, title in (("ORTHO", "Aerial images"), ("ORTHO.IRC", "Infrared aerial images"))
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    <WMS_Capabilities version="1.3.0" xmlns="http://www.opengis.net/wms" xmlns:xlink="http://www.w3.org/1999/xlink">
    <Service><Name>WMS</Name><Title>Aerial images of a test</Title><OnlineResource xlink:href="{address}/wms"/>
    <Fees>none</Fees><AccessConstraints>{LICENCE}</AccessConstraints></Service>
    <Capability><Request><GetCapabilities><Format>text/xml</Format><DCPType><HTTP><Get>
    <OnlineResource xlink:href="{address}/wms?"/></Get></HTTP></DCPType></GetCapabilities>
    <GetMap><Format>image/png</Format><Format>image/jpeg</Format><DCPType><HTTP><Get>
    <OnlineResource xlink:href="{address}/wms?"/></Get></HTTP></DCPType></GetMap></Request>
    <Exception><Format>XML</Format></Exception>
    <Layer><Title>All</Title><CRS>EPSG:2154</CRS><CRS>EPSG:3857</CRS>{layers}</Layer></Capability></WMS_Capabilities>"""


def _wmts_capabilities(address: str) -> str:
    metre = 1 / 0.00028  # scale denominator of a pixel of 1 m
    sets = ""
    for name, code, levels, finest, (left, top) in (
        ("LAMB93", LAMBERT_93, LAMBERT_LEVELS, LAMBERT_FINEST_M, LAMBERT_ORIGIN),
        (
            *("PM", WEB_MERCATOR, MERCATOR_LEVELS, 2 * MERCATOR_EDGE / TILE / 2 ** (MERCATOR_LEVELS - 1)),
            (-MERCATOR_EDGE, MERCATOR_EDGE),
        ),
    ):
        matrices = "".join(
            f"""<TileMatrix><ows:Identifier>{level}</ows:Identifier>
            <ScaleDenominator>{finest * 2 ** (levels - 1 - level) * metre:.12f}</ScaleDenominator>
            <TopLeftCorner>{left!r} {top!r}</TopLeftCorner><TileWidth>{TILE}</TileWidth><TileHeight>{TILE}</TileHeight>
            <MatrixWidth>{10_000_000}</MatrixWidth><MatrixHeight>{10_000_000}</MatrixHeight></TileMatrix>"""
            for level in range(levels)
        )
        sets += f"""<TileMatrixSet><ows:Identifier>{name}</ows:Identifier>
        <ows:SupportedCRS>EPSG:{code}</ows:SupportedCRS>{matrices}</TileMatrixSet>"""
    layers = "".join(
        f"""<Layer><ows:Title>{title}</ows:Title><ows:WGS84BoundingBox><ows:LowerCorner>-6 41</ows:LowerCorner>
        <ows:UpperCorner>10 52</ows:UpperCorner></ows:WGS84BoundingBox><ows:Identifier>{name}</ows:Identifier>
        <Style isDefault="true"><ows:Identifier>normal</ows:Identifier></Style><Format>image/png</Format>
        <TileMatrixSetLink><TileMatrixSet>LAMB93</TileMatrixSet></TileMatrixSetLink>
        <TileMatrixSetLink><TileMatrixSet>PM</TileMatrixSet></TileMatrixSetLink></Layer>"""
        for name, title in (("ORTHO", "Aerial images"), ("ORTHO.IRC", "Infrared aerial images"))
    )
    operations = "".join(
        f"""<ows:Operation name="{name}"><ows:DCP><ows:HTTP><ows:Get xlink:href="{address}/wmts?">
        <ows:Constraint name="GetEncoding"><ows:AllowedValues><ows:Value>KVP</ows:Value></ows:AllowedValues>
        </ows:Constraint></ows:Get></ows:HTTP></ows:DCP></ows:Operation>"""
        for name in ("GetCapabilities", "GetTile")
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    <Capabilities version="1.0.0" xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1"
    xmlns:xlink="http://www.w3.org/1999/xlink"><ows:ServiceIdentification><ows:Title>Tiles of a test</ows:Title>
    <ows:ServiceType>OGC WMTS</ows:ServiceType><ows:ServiceTypeVersion>1.0.0</ows:ServiceTypeVersion>
    <ows:Fees>none</ows:Fees><ows:AccessConstraints>{LICENCE}</ows:AccessConstraints></ows:ServiceIdentification>
    <ows:ServiceProvider><ows:ProviderName>{OWNER}</ows:ProviderName></ows:ServiceProvider>
    <ows:OperationsMetadata>{operations}</ows:OperationsMetadata>
    <Contents>{layers}{sets}</Contents></Capabilities>"""
