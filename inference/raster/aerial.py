"""The one place that looks at an aerial image: opened once, checked, described by plain values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import rasterio
from rasterio.crs import CRS
from rasterio.enums import MaskFlags
from rasterio.errors import CRSError
from rasterio.io import DatasetReader

from ...contract.errors import BadInput, about
from ...contract.image import ImageSettings
from ...contract.notices import Notice, Warn, notice, warn_about
from .band_names import named_roles
from .band_roles import Bands, bands_by_role, given_bands, what_is_said
from .collar import find_collar, tell_of_collar, without_collar
from .copies import Untiled, untiled
from .coverage import Coverage, coverage_of, declares_no_data, tell_of_coverage, within_coverage
from .gather import FoundImage, Gathered, find, gather, stamps
from .geobox import Bounds, GeoBox
from .ground import name_of, on_the_ground
from .height_values import height_limits
from .histograms import Histogram, histogram_of
from .infrared import check_is_another, tell_of_partner, with_infrared
from .open import looking_at
from .sample import Sample, take_sample
from .transparency import mended
from .values import check_real_numbers, stretch_of

COARSEST_M = 5.0  # metres a pixel beyond which no class but the largest could be told
_ROUNDING = 1.001  # many a NAIP tile has pixels of 0.6000000000000106 m
POOR_M = 0.6  # metres a pixel beyond which the map is much worse than its model card says
_LONG = 60  # characters of a CRS that a message shows


@dataclass(frozen=True)
class AerialSource:
    """An aerial raster, readable and georeferenced.

    path: as messages name it. readable: what rasterio opens: the path, or the text of a virtual raster (see
    `transparency`).
    alone: the same for the image as it was given, without an infrared one.
    files: on the disk, of which it is made. tiles: (path, bounds in its CRS) of each raster of several.
    bands: band numbers by role. stretch: for 16-bit rasters the digital numbers (low, high) of each band
    number that become 0 and 255; empty for 8 bits.
    needs_alpha: whether validity is only known from a mask that warping must carry along.
    fills: values of collars that are to be left out. coverage: where it was given pixels, None where everywhere.
    untiled: how long it takes to read where it is not stored in tiles, else None.
    histograms: by band number, of those that have data. without_data: share, 0..1, of the sampled pixels, which lie at
        the edges more often than elsewhere.
    """

    path: str
    readable: str
    alone: str
    files: tuple[str, ...]
    tiles: tuple[tuple[str, Bounds], ...]
    geobox: GeoBox
    bands: dict[str, int]
    stretch: dict[int, tuple[float, float]]
    needs_alpha: bool
    fills: tuple[float, ...]
    coverage: Coverage | None
    untiled: Untiled | None
    histograms: dict[int, Histogram]
    without_data: float


def describe_aerial(image: ImageSettings, warn: Warn) -> AerialSource:
    """Looks at an aerial image. `warn` takes what the user should know.

    The same image that has not changed on the disk is not looked at again: a form asks at every change.
    Raises BadInput where it cannot be used, which names ``bands`` where they are at fault.
    """
    found = find(image)
    asked = replace(ImageSettings(image.input), crs=image.crs, bands=image.bands, infrared=image.infrared)
    source, notices = _looked_at(asked, found, stamps(found.files))
    for told in notices:
        warn(told)
    return source


@lru_cache(maxsize=8)
def _looked_at(
    image: ImageSettings, found: FoundImage, changed: tuple[tuple[int, int], ...]
) -> tuple[AerialSource, tuple[Notice, ...]]:
    """An image with all that is to be told of it. changed: of its files, to look again where one has changed."""
    told: list[Notice] = []
    with looking_at(f"The aerial raster {found.image.path}"):
        gathered = gather(found, told.append)
        source = _look(image, gathered, warn_about("input", told.append))
    return source, tuple(told)


def _look(image: ImageSettings, gathered: Gathered, warn: Warn) -> AerialSource:
    path, files = gathered.path, gathered.files + (gathered.infrared.files if gathered.infrared else ())
    with rasterio.open(gathered.readable) as dataset:  # which has been found whole
        check_real_numbers(dataset, path)
        given = given_bands(dataset, path, image.bands)
        said = what_is_said(dataset)
        roles = named_roles(said)
        sample = take_sample(dataset)
        seen = mended(dataset, sample, roles, given.values(), warn)
        readable, coverage = seen.readable, coverage_of(dataset)
    with rasterio.open(readable) as dataset:
        geobox = aerial_geobox(dataset, path, warn, image.crs)
        size = max(geobox.pixel_size_m)
        if size > COARSEST_M:
            raise BadInput(
                f"The aerial raster {path} has pixels of {size:g} m, too coarse for land cover from the air: "
                f"give an image of {POOR_M:g} m or finer."
            )
        if size > POOR_M * _ROUNDING:
            warn(notice("coarse_pixels", size=size))
        declared = declares_no_data(dataset)
        if not declared:
            tell_of_coverage(coverage, dataset, warn)
        if readable != gathered.readable:
            sample = take_sample(dataset)
        taken = within_coverage(sample, coverage)
        collar = find_collar(dataset, gathered.files, taken)
        tell_of_collar(collar, taken, warn)
        sample = without_collar(taken, collar.fills)
        bands = bands_by_role(Bands(sample, said, roles, seen.masks), given, path, warn_about("bands", warn))
    if gathered.infrared is None and "nir" not in bands:
        tell_of_partner(gathered, warn)
    if gathered.infrared is not None:
        with about("infrared"):
            of_infrared = warn_about("infrared", warn)
            readable, bands, taken = _with_infrared(gathered, readable, geobox, bands, taken, of_infrared)
            sample = without_collar(taken, collar.fills)
    with rasterio.open(readable) as dataset:
        stretch = stretch_of(dataset, sample, path, bands, warn)
        if "elevation" in bands:
            place = min(side * metres for side, metres in zip(geobox.shape[::-1], geobox.pixel_size_m))
            stretch.update(height_limits(sample, bands, stretch, size, place, warn_about("bands", warn)))
        histograms = {number: histogram_of(sample, number, stretch.get(number)) for number in bands.values()}
        flags = dataset.mask_flag_enums[bands["red"] - 1]
        return AerialSource(
            path=path,
            readable=readable,
            alone=gathered.readable,
            files=files,
            tiles=gathered.tiles,
            geobox=geobox,
            bands=bands,
            stretch=stretch,
            needs_alpha=MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags,
            fills=tuple(collar.fills),
            coverage=coverage if collar.fills or not declared else None,
            untiled=untiled(dataset, files),
            histograms={number: found for number, found in histograms.items() if found is not None},
            without_data=1 - float(sample.valid.mean()),
        )


def _with_infrared(
    gathered: Gathered, readable: str, geobox: GeoBox, bands: dict[str, int], sample: Sample, warn: Warn
) -> tuple[str, dict[str, int], Sample]:
    """What rasterio opens, band numbers by role and a sample of an image with the infrared image that goes with it.

    readable, bands, sample: of the image alone.
    """
    if "nir" in bands:
        warn(notice("infrared_replaces", band=bands["nir"]))
    readable, number = with_infrared(gathered, readable, geobox, warn)
    with rasterio.open(readable) as dataset:
        near = take_sample(dataset, [number], beside=sample)
    sample = replace(near, pixels={**sample.pixels, **near.pixels}, valid=near.valid & sample.valid)
    check_is_another(sample, number, gathered.infrared.path if gathered.infrared else "")
    return readable, {**bands, "nir": number}, sample


def aerial_geobox(dataset: DatasetReader, path: str, warn: Warn, given: str = "") -> GeoBox:
    """Where an aerial raster lies. given: its CRS where that is not the file's, see `ImageSettings.crs`.

    Raises BadInput where its pixels cannot be measured in metres, or the CRS that is given is none.
    """
    crs = _given_crs(given, dataset, warn) if given else dataset.crs
    if crs and crs.is_geographic:
        raise BadInput(
            f"The aerial raster {path} has a geographic CRS, whose pixels are in degrees: "
            "reproject it first to a projected CRS, such as Lambert-93 (EPSG:2154) or the local UTM zone."
        )
    if dataset.transform.is_identity or dataset.transform.determinant == 0:
        raise BadInput(
            f"The aerial raster {path} has no georeference, so its pixel size in metres is unknown: "
            "georeference it first, or choose one with a CRS."
        )
    geobox = replace(GeoBox.of(dataset), crs_wkt=crs.to_wkt() if crs else "")
    if not crs:
        size = geobox.pixel_size[0]
        if not 0.01 <= size <= COARSEST_M:
            raise BadInput(
                f"The aerial raster {path} has no CRS and pixels of {size:g} units, which cannot be metres: "
                "assign its CRS first."
            )
        warn(notice("raster_without_crs", size=size))
        return geobox
    return on_the_ground(geobox, crs, warn)


def _given_crs(text: str, dataset: DatasetReader, warn: Warn) -> CRS:
    try:
        crs = CRS.from_user_input(text)
    except CRSError:
        shown = text if len(text) <= _LONG else f"{text[:_LONG]}..."
        raise BadInput(
            f"The CRS {shown} of the aerial raster is none that is known: give a code such as EPSG:2154, or WKT.", "crs"
        ) from None
    if not dataset.crs:
        warn(notice("crs_given", crs=name_of(crs)))
    elif dataset.crs != crs:
        warn(notice("crs_replaced", crs=name_of(crs), own=name_of(dataset.crs)))
    return crs
