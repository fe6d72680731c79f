"""An image with the near infrared of a colour infrared image of the same place: a band more."""

from __future__ import annotations

import math
import os
from dataclasses import replace

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.enums import MaskFlags, Resampling
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from ...contract.errors import BadInput
from ...contract.notices import Warn, notice, warn_about, with_evidence
from ...contract.partner import partner_of
from .band_names import named_roles
from .band_roles import what_is_said
from .extents import as_it_lies, pixel_bounds, warn_as_it_lies
from .gather import Gathered
from .geobox import Bounds, GeoBox
from .mosaic import SAME_PIXEL, covered_share, place_in, same_crs, same_pixels
from .sample import Sample
from .virtual import Band, Source, constant, of_bands
from .windows import Window

_ALL = 0.999  # share of the image from which on an infrared image covers it: its last row or column may be missing
_STAND_IN_CRS = "EPSG:3857"  # of rasters without a CRS, which are warped within themselves only


def with_infrared(image: Gathered, readable: str, geobox: GeoBox, warn: Warn) -> tuple[str, int]:
    """The text of a virtual raster: an image's bands and, as one more, the near infrared of its infrared image.

    readable: what rasterio opens for the image. geobox: where it lies.
    Returns the band's number with it. Where either has no data there is none. `warn` takes what the user should know.
    Raises BadInput where the infrared image is of another place.
    """
    infrared = image.infrared
    if infrared is None:  # who calls has looked
        raise AssertionError
    with rasterio.open(readable) as dataset, rasterio.open(infrared.readable) as near:
        band = near_infrared_band(near)
        box = GeoBox.of(near)
        if geobox.crs_wkt and not box.crs_wkt:
            warn(notice("infrared_without_crs"))
        else:
            warn_as_it_lies(near, infrared.path, geobox.crs_wkt, warn)
        if as_it_lies(box.crs_wkt, geobox.crs_wkt):
            box = replace(box, crs_wkt=geobox.crs_wkt)
        share = _share(image, geobox, infrared, box)
        if not share > 0:
            raise BadInput(
                f"The infrared image {infrared.path} does not cover the image {image.path}: "
                "choose one of the same place, or none."
            )
        warn(with_evidence(notice("infrared_taken", band=band, path=infrared.path), covered_share=share))
        if share < _ALL:
            warn(with_evidence(notice("infrared_ends", percent=max(1, int(100 * share))), covered_share=share))
        if same_crs(box, geobox) and same_pixels(box, geobox):
            column, row, moved = place_in(box, geobox.transform)
            if moved > SAME_PIXEL:
                warn(with_evidence(notice("infrared_shifted", pixels=moved), moved_pixels=moved))
            there = Window(column, row, box.width, box.height)
            return _joined(dataset, readable, near, infrared.readable, band, geobox, there), dataset.count + 1
        warn(notice("infrared_resampled"))
        text = _warped(near, box, geobox, share >= 1)
    with rasterio.open(readable) as dataset, rasterio.open(text) as near:
        return _joined(dataset, readable, near, text, band, geobox, geobox.window), dataset.count + 1


def tell_of_partner(image: Gathered, warn: Warn) -> None:
    """Tells of the colour infrared image of an image without near infrared, where one is found by its name."""
    for path in (image.path, *(tile for tile, _ in image.tiles[:1])):
        partner = partner_of(path) if os.path.exists(path) else None
        if partner is not None:
            warn_about("infrared", warn)(notice("infrared_at_hand", path=partner))
            return


def check_is_another(sample: Sample, number: int, path: str) -> None:
    """Raises BadInput where the band that an infrared image gave, by its number, is one of the image's own."""
    for other, pixels in sample.pixels.items():
        if other != number and sample.valid.any() and np.array_equal(pixels[sample.valid], sample.values(number)):
            raise BadInput(
                f"The infrared image {path} shows the image's own band {other} as near infrared: give the colour "
                "infrared image of the place, whose first band is near infrared, or none."
            )


def near_infrared_band(dataset: DatasetReader) -> int:
    """The number of the band that its file calls near infrared; 1 where none is, as in colour infrared images."""
    roles = named_roles(what_is_said(dataset))
    return roles.index("nir") + 1 if "nir" in roles else 1


def _joined(
    dataset: DatasetReader, readable: str, near: DatasetReader, infrared: str, band: int, geobox: GeoBox, there: Window
) -> str:
    """The image with a band of the infrared image. there: where that lies, in the image's pixels."""
    shown = there.shared(geobox.window)
    part = Window(shown.column - there.column, shown.row - there.row, shown.width, shown.height)
    place = shown.column, shown.row
    whole = geobox.window
    mask = None  # transparency must be one, too: GDAL heeds it behind three bands only
    if not (_data(dataset) == _data(near) == "all" and shown == whole):
        validity = [_validity(dataset, readable, whole, (0, 0)), _validity(near, infrared, part, place)]
        mask = Band("uint8", validity, function="mul")
    colours = [colour.name for colour in dataset.colorinterp]
    bands = [
        Band(
            dtype,
            [Source(readable, number, properties=(dataset.shape, dtype, dataset.block_shapes[number - 1]))],
            nodata=None if mask else dataset.nodatavals[number - 1],
            colour="" if colour in ("undefined", "alpha") else colour.capitalize(),
            description=dataset.descriptions[number - 1] or "",
            bits=dataset.tags(number, ns="IMAGE_STRUCTURE").get("NBITS", ""),
        )
        for number, (dtype, colour) in enumerate(zip(dataset.dtypes, colours), start=1)
    ]
    dtype = near.dtypes[band - 1]
    source = Source(infrared, band, part, place, properties=(near.shape, dtype, near.block_shapes[band - 1]))
    bits = near.tags(band, ns="IMAGE_STRUCTURE").get("NBITS", "")
    added = Band(dtype, [source], description="near infrared", bits=bits)
    return of_bands(geobox.shape, geobox.crs_wkt, geobox.transform, [*bands, added], mask)


def _data(dataset: DatasetReader) -> str:
    """By what a raster tells where it has data: ``nodata``, ``mask``, or ``all`` where it has everywhere."""
    flags = set().union(*dataset.mask_flag_enums)
    if MaskFlags.nodata in flags:
        return "nodata"
    return "mask" if MaskFlags.per_dataset in flags else "all"  # GDAL counts transparency as such a mask


def _validity(dataset: DatasetReader, readable: str, window: Window, place: tuple[int, int]) -> Source:
    """Where a raster has data in one of its bands: 255, else 0."""
    data = _data(dataset)
    if data == "all":
        return Source(constant(dataset.shape, 255), 1, window, place)
    if data == "mask":
        return Source(readable, "mask,1", window, place)
    box = GeoBox.of(dataset)
    whole = box.window
    some = [Source(readable, f"mask,{number}", whole, (0, 0), hidden=0) for number in dataset.indexes]
    return Source(of_bands(box.shape, box.crs_wkt, box.transform, [Band("uint8", some)], None), 1, window, place)


def _warped(near: DatasetReader, box: GeoBox, geobox: GeoBox, covers: bool) -> str:
    """The text of a virtual raster: an infrared image in the pixels of the image."""
    left, _, right, _ = _pixels(geobox, box, box.bounds)
    finer = right - left < box.width
    with (
        WarpedVRT(
            near,
            src_crs=box.crs_wkt or _STAND_IN_CRS,
            crs=geobox.crs_wkt or _STAND_IN_CRS,
            transform=geobox.transform,
            width=geobox.width,
            height=geobox.height,
            resampling=Resampling.average if finer else Resampling.bilinear,
            add_alpha=_data(near) == "mask" or (_data(near) == "all" and not covers),
        ) as warped,
        rasterio.MemoryFile(ext=".vrt") as file,
    ):
        rasterio.shutil.copy(warped, file.name, driver="VRT")
        return file.read().decode("utf-8")


def _share(image: Gathered, geobox: GeoBox, infrared: Gathered, box: GeoBox) -> float:
    """The share, 0..1, of the image that the infrared image covers."""
    wanted = [geobox.window_of(bounds) for _, bounds in image.tiles] or [geobox.window]
    found = [_pixels(geobox, box, bounds) for bounds in [bounds for _, bounds in infrared.tiles] or [box.bounds]]
    there = []
    for edges in found:
        if all(math.isfinite(edge) for edge in edges):
            left, top, right, bottom = (math.floor(edge + 0.5) for edge in edges)
            there.append(Window(left, top, max(0, right - left), max(0, bottom - top)))
    return covered_share(there, wanted) if there else 0.0


def _pixels(geobox: GeoBox, box: GeoBox, bounds: Bounds) -> tuple[float, float, float, float]:
    """First column and row, last column and row of bounds in another raster's CRS; infinite where that cannot be."""
    crs = geobox.crs_wkt if same_crs(box, geobox) else box.crs_wkt
    if crs == geobox.crs_wkt:
        inverse = ~geobox.transform
        columns, rows = zip(*(inverse * (x, y) for x in bounds[::2] for y in bounds[1::2]))
        return min(columns), min(rows), max(columns), max(rows)
    return pixel_bounds(geobox, crs, bounds) or (math.inf,) * 4
