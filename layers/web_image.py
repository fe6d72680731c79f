"""Fetches an area of a web layer into a GeoTIFF: in any thread, whole or not at all, with where it comes from inside.

The pictures are those of QGIS's own provider, asked for as they lie on the server. Where its pixels are not those of
the image, GDAL resamples them (cubic, or their mean where they are much finer): QGIS would take the nearest.
"""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osgeo import gdal
from qgis.core import QgsCoordinateReferenceSystem, QgsFeedback
from qgis.PyQt.QtCore import QCoreApplication

from ..contract.atomic import atomic_file
from ..contract.origin import ORIGIN_TAG, ImageOrigin
from ..contract.version import plugin_version
from ..runtime.errors import CancelledError
from .web_capabilities import ServerFacts, ask_server
from .web_grid import LARGEST, FetchGrid, SourceGrid, finest_m, ground_m, source_grid
from .web_layer import WebLayer, crs_of, public_url
from .web_pictures import FetchFailed, Pictures, cancelling

_STRIP = 256  # rows written at once, those of a row of tiles
_FETCHING = 0.9  # of the progress; the rest is writing
_MEAN_FROM = 1.5  # pixels of the server to one of the image from which their mean is taken
_BYTES_A_PIXEL = 3 + 4  # at most: the image, and for a while the pictures as they came
_OPAQUE = bytes(0 if alpha < 128 else 255 for alpha in range(256))
_COLOURS = ("Red", "Green", "Blue")
_INFRARED = ("Near infrared", "Red", "Green")
_GDAL_BGRA = [3, 2, 1, 4]  # the bands of what QGIS gives

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class FetchPlan:
    """What a fetch takes, to be told before it begins.

    requests: pictures that the servers give. megabytes: of the files, at most. remarks: sentences for the user.
    """

    grid: FetchGrid
    requests: int
    megabytes: float
    remarks: tuple[str, ...]

    def is_large(self) -> bool:
        """Whether the user is to be asked again."""
        return self.grid.pixels > LARGEST


def plan_fetch(layers: Sequence[WebLayer], grid: FetchGrid) -> FetchPlan:
    """What it takes to fetch some layers on one grid. For any thread; asks no server.

    Raises ValueError, with a sentence for the user, where a layer does not reach there.
    """
    xyz = ServerFacts()
    requests = sum(
        source_grid(layer, grid, ask_server(layer) if layer.is_xyz() else xyz).requests() for layer in layers
    )
    remarks = [_tr("in {}, pixels of {:g} m").format(crs_of(grid.crs).userFriendlyIdentifier(), grid.pixel_m)]
    for layer in layers:
        finest = finest_m(layer, grid)
        if finest > 1.01 * grid.pixel_m:
            remarks.append(
                _tr("{} has nothing finer than {:.2g} m there, which is interpolated").format(layer.name, finest)
            )
    return FetchPlan(grid, requests, len(layers) * grid.pixels * len(_COLOURS) / 1e6, tuple(remarks))


def fetch_image(
    layer: WebLayer,
    grid: FetchGrid,
    path: Path | str,
    progress: Progress,
    is_cancelled: Callable[[], bool],
    as_infrared: bool = False,
) -> ImageOrigin:
    """Writes a layer's pictures on a grid to a GeoTIFF of red, green and blue, or near infrared, red and green.

    progress: takes a fraction 0..1 and what is done now. as_infrared: the layer was chosen as the infrared image; its
    bands are only described where its names say so too: otherwise they may be anything.

    Transparent pixels are masked in the file. It has the tags ORIGIN_TAG and TIFFTAG_COPYRIGHT, and appears under its
    name when it is whole.

    Returns what the tag says. Raises FetchFailed, with one sentence for the user, and CancelledError.
    """
    path = Path(path)
    progress(0.0, _tr("Asking the server of {}").format(layer.name))
    feedback = QgsFeedback()
    with cancelling(feedback, is_cancelled):
        facts = ask_server(layer, feedback)
    if is_cancelled():
        raise CancelledError("")
    try:
        source = source_grid(layer, grid, facts)
    except ValueError as error:
        raise FetchFailed(str(error)) from None
    origin = _origin(layer, facts)
    names = _INFRARED if layer.shows_infrared() else () if as_infrared else _COLOURS
    try:
        _check_room(path, grid, source)
        with atomic_file(path) as part, _quiet_gdal():
            mosaic = part.parent / "pictures.tif"
            transparent = _gather(layer, source, facts, mosaic, progress, is_cancelled)
            progress(_FETCHING, _tr("Writing {}").format(path.name))
            _write(part, mosaic, source, grid, layer, names, origin, transparent, progress, is_cancelled)
    except OSError as error:
        raise FetchFailed(
            _tr("The image {} cannot be written ({}): choose another file.").format(path, error.strerror or error)
        ) from None
    return origin


def _origin(layer: WebLayer, facts: ServerFacts) -> ImageOrigin:
    return ImageOrigin(
        layer=layer.name,
        url=public_url(layer.uri().param("url")),
        server_layer=layer.server_layer(),
        attribution=layer.attribution or facts.attribution,
        licence=layer.licence or facts.licence,
        fetched=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        software=f"FLAIR Land Cover {plugin_version()}",
    )


def _check_room(path: Path, grid: FetchGrid, source: SourceGrid) -> None:
    if not path.parent.is_dir():
        raise FetchFailed(_tr("The folder {} does not exist: choose another file.").format(path.parent))
    needed = _BYTES_A_PIXEL * max(grid.pixels, source.width * source.height)
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise FetchFailed(
            _tr(
                "The image needs up to {:.1f} GB and {} has {:.1f} GB left: make room, or choose a smaller area."
            ).format(needed / 1e9, path.parent, free / 1e9)
        )


def _gather(
    layer: WebLayer,
    source: SourceGrid,
    facts: ServerFacts,
    mosaic: Path,
    progress: Progress,
    is_cancelled: Callable[[], bool],
) -> bool:
    """Writes the pictures as they come to a raster of red, green, blue and opacity; whether some are transparent.

    Raises FetchFailed and CancelledError.
    """
    tiles = facts.grid_of(source.across) if source.tiled else None
    options = ["TILED=YES", "COMPRESS=DEFLATE", "ZLEVEL=1", "INTERLEAVE=PIXEL", "BIGTIFF=IF_SAFER", "ALPHA=YES"]
    dataset = _made(gdal.GetDriverByName("GTiff").Create, str(mosaic), source.width, source.height, 4, options=options)
    dataset.SetProjection(_gdal_wkt(source.crs))
    dataset.SetGeoTransform((source.left, source.across, 0.0, source.top, 0.0, -source.down))
    blocks, transparent, seen = source.blocks(), False, False
    try:
        with Pictures(layer, source.crs, is_cancelled, tiles.size if tiles else None) as pictures:
            for number, (column, row, width, height) in enumerate(blocks):
                done = _FETCHING * number / len(blocks)
                progress(done, _tr("{}: picture {} of {}").format(layer.name, number + 1, len(blocks)))
                data = pictures.picture(source.rectangle(column, row, width, height), width, height)
                opacity = data[3::4].translate(_OPAQUE)
                transparent = transparent or 0 in opacity
                seen = seen or 255 in opacity
                _done(
                    dataset.WriteRaster,
                    *(column, row, width, height, data),
                    band_list=_GDAL_BGRA,
                    buf_type=gdal.GDT_Byte,
                    buf_pixel_space=4,
                    buf_line_space=4 * width,
                    buf_band_space=1,
                )
        _close(dataset)
    finally:
        del dataset  # an error keeps its frames, and the file would stay open with them
    if not seen:
        raise FetchFailed(
            _tr(
                "The layer {} gives nothing but transparent pixels there: it does not cover the area, or is not drawn "
                "at this pixel size. Choose another area, or a larger pixel size."
            ).format(layer.name)
        )
    return transparent


def _on_grid(mosaic: Path, source: SourceGrid, grid: FetchGrid, ground: float) -> Any:
    """The pictures on the image's grid: as they are, or a virtual raster that resamples them."""
    dataset = _made(gdal.Open, str(mosaic))
    if not source.exact:
        box = grid.extent()
        dataset = _made(
            gdal.Warp,
            "",
            dataset,
            format="VRT",
            dstSRS=_gdal_wkt(grid.crs),
            outputBounds=(box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()),
            width=grid.width,
            height=grid.height,
            resampleAlg="average" if grid.pixel_m >= _MEAN_FROM * ground else "cubic",
            errorThreshold=0.05,
        )
    return dataset


def _write(
    path: Path,
    mosaic: Path,
    source: SourceGrid,
    grid: FetchGrid,
    layer: WebLayer,
    names: tuple[str, ...],
    origin: ImageOrigin,
    transparent: bool,
    progress: Progress,
    is_cancelled: Callable[[], bool],
) -> None:
    """Writes the image from the pictures. names: of its bands. transparent: whether it needs a mask.

    Raises OSError, FetchFailed and CancelledError.
    """
    options = [
        *("TILED=YES", "COMPRESS=DEFLATE", "PREDICTOR=2", "INTERLEAVE=PIXEL", "BIGTIFF=IF_SAFER"),
        f"PHOTOMETRIC={'RGB' if names == _COLOURS else 'MINISBLACK'}",
    ]
    pixels = _on_grid(mosaic, source, grid, ground_m(layer, grid, source))
    image = _made(gdal.GetDriverByName("GTiff").Create, str(path), grid.width, grid.height, 3, options=options)
    first, uniform = b"", True
    try:
        image.SetProjection(_gdal_wkt(grid.crs))
        image.SetGeoTransform((grid.left, grid.pixel_m, 0.0, grid.top, 0.0, -grid.pixel_m))
        image.SetMetadata(_tags(origin))
        for number, name in enumerate(names, start=1):
            image.GetRasterBand(number).SetDescription(name)
        if transparent:
            _done(image.CreateMaskBand, gdal.GMF_PER_DATASET)
        for row in range(0, grid.height, _STRIP):
            if is_cancelled():
                raise CancelledError("")
            progress(_FETCHING + (1 - _FETCHING) * row / grid.height, _tr("Writing {}").format(path.name))
            size = 0, row, grid.width, min(_STRIP, grid.height - row)
            layout = {"band_list": [1, 2, 3], "buf_type": gdal.GDT_Byte}
            layout.update(buf_pixel_space=3, buf_line_space=3 * grid.width, buf_band_space=1)
            data = bytes(_made(pixels.ReadRaster, *size, **layout))
            _done(image.WriteRaster, *size, data, **layout)
            first = first or data[:3]
            uniform = uniform and data == first * (len(data) // 3)
            if transparent:
                opacity = bytes(_made(pixels.GetRasterBand(4).ReadRaster, *size, buf_type=gdal.GDT_Byte))
                mask = image.GetRasterBand(1).GetMaskBand()
                _done(mask.WriteRaster, *size, opacity.translate(_OPAQUE), buf_type=gdal.GDT_Byte)
        _close(image)
    finally:
        del image, pixels
    if uniform and not transparent and grid.pixels > 1:
        raise FetchFailed(
            _tr(
                "The layer {} gives one colour alone there: it does not cover the area, or is not drawn at this pixel "
                "size. Choose another area, or a larger pixel size."
            ).format(layer.name)
        )


def _tags(origin: ImageOrigin) -> dict[str, str]:
    """What is noted in the file, also in the tags of TIFF that other programs show."""
    rights = "; ".join(text for text in (origin.attribution, origin.licence) if text)
    tags = {
        ORIGIN_TAG: json.dumps(origin.to_dict(), ensure_ascii=False),
        "TIFFTAG_IMAGEDESCRIPTION": f"{origin.layer}, fetched from {origin.url} at {origin.fetched}",
        "TIFFTAG_SOFTWARE": origin.software,
    }
    return {**tags, **({"TIFFTAG_COPYRIGHT": rights} if rights else {})}


def _gdal_wkt(crs: str) -> str:
    return crs_of(crs).toWkt(QgsCoordinateReferenceSystem.WktVariant.WKT_PREFERRED)


# GDAL raises or returns nothing, as QGIS or another plugin told it for the whole process: either becomes an OSError.


@contextmanager
def _quiet_gdal() -> Iterator[None]:
    """GDAL's words go into exceptions alone; masks go into their TIFF."""
    name = "GDAL_TIFF_INTERNAL_MASK"
    thread = hasattr(gdal, "SetThreadLocalConfigOption")
    set_option = gdal.SetThreadLocalConfigOption if thread else gdal.SetConfigOption
    before = None if thread else gdal.GetConfigOption(name)
    set_option(name, "YES")
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        yield
    finally:
        gdal.PopErrorHandler()
        set_option(name, before)


def _made(call: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """What a call of GDAL makes. Raises OSError where that is nothing."""
    try:
        value = call(*arguments, **more)
    except RuntimeError as error:
        raise OSError(" ".join(str(error).split())) from None
    if value is None:
        raise OSError(" ".join(gdal.GetLastErrorMsg().split()) or "GDAL")
    return value


def _done(call: Callable[..., Any], *arguments: Any, **more: Any) -> None:
    """A call of GDAL that gives an error's number. Raises OSError where it is one."""
    if _made(call, *arguments, **more):
        raise OSError(" ".join(gdal.GetLastErrorMsg().split()) or "GDAL")


def _close(dataset: Any) -> None:
    """What is still in memory goes to the disk, which may be full. Raises OSError."""
    gdal.ErrorReset()
    try:
        dataset.FlushCache()
    except RuntimeError as error:
        raise OSError(" ".join(str(error).split())) from None
    if gdal.GetLastErrorType() >= gdal.CE_Failure:
        raise OSError(" ".join(gdal.GetLastErrorMsg().split()))


def _tr(text: str) -> str:
    return QCoreApplication.translate("WebImage", text)
