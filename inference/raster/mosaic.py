"""Several rasters of one grid as one: a virtual raster in which each lies at its place."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import rasterio
from affine import Affine
from rasterio._err import CPLE_BaseError  # what PROJ's refusals are raised as; rasterio has no public name for it
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import CRSError, RasterioError
from rasterio.warp import transform

from ...contract.errors import BadInput
from ...contract.notices import Warn, notice, with_evidence
from .coverage import coverage_of
from .geobox import Bounds, GeoBox
from .intact import is_sparse
from .open import open_raster
from .sample import Sample, take_sample
from .spectrum import is_all_or_nothing
from .virtual import Band, Source, constant, of_bands
from .windows import Window
from .write import PROVENANCE_TAG

SAME_PIXEL = 1e-3  # of a pixel: grids closer than this are one
_SAME_SIZE = 0.5  # of a pixel: by which a raster's last corner may be off where its pixels are slightly larger
_MOSTLY = 0.5  # of a raster: where more of it lies over others these are two images of one place, no edges that overlap
_NAMED = 3  # rasters that a sentence names


@dataclass(frozen=True)
class Header:
    """What a raster says of itself.

    nodata, colours (GDAL's interpretation), descriptions, bits (NBITS, or ""): of each band. block: (rows, columns).
    data: by what it is told where it has data: ``all``, ``nodata``, ``mask`` or ``alpha``, which may be a claim.
    holes: windows in which nothing was ever put, of a raster that has data everywhere else.
    is_map: whether the engine wrote it.
    """

    path: str
    geobox: GeoBox
    dtypes: tuple[str, ...]
    nodata: tuple[float | None, ...]
    colours: tuple[str, ...]
    descriptions: tuple[str, ...]
    bits: tuple[str, ...]
    block: tuple[int, int]
    data: str
    holes: tuple[Window, ...]
    is_map: bool

    @property
    def name(self) -> str:
        """The file's name alone."""
        return os.path.basename(self.path)


def header_of(path: str, what: str) -> Header:
    """What a raster says of itself. Raises BadInput, naming it as `what`, where it cannot be opened or is not whole."""
    with open_raster(path, what) as dataset:
        flags = set().union(*dataset.mask_flag_enums)
        if ColorInterp.alpha in dataset.colorinterp:
            data = "alpha"
        elif MaskFlags.nodata in flags:
            data = "nodata"
        else:
            data = "mask" if MaskFlags.per_dataset in flags else "all"
        missing = coverage_of(dataset) if data in ("all", "alpha") and is_sparse(path) else None
        return Header(
            path=path,
            geobox=GeoBox.of(dataset),
            dtypes=dataset.dtypes,
            nodata=dataset.nodatavals,
            colours=tuple(colour.name for colour in dataset.colorinterp),
            descriptions=tuple(text or "" for text in dataset.descriptions),
            bits=tuple(dataset.tags(number, ns="IMAGE_STRUCTURE").get("NBITS", "") for number in dataset.indexes),
            block=dataset.block_shapes[0],
            data=data,
            holes=missing.windows if missing else (),
            is_map=PROVENANCE_TAG in dataset.tags(),
        )


def differs(header: Header, first: Header) -> str:
    """In what a raster differs from another so that both cannot be one image, in words for a sentence; "" if not."""
    count, wanted = len(header.dtypes), len(first.dtypes)
    if count != wanted:
        return f"has {_bands(count)} and not {wanted}"
    if header.dtypes != first.dtypes:
        return f"has values of type {header.dtypes[0]} and not {first.dtypes[0]}"
    if header.geobox.transform.is_identity != first.geobox.transform.is_identity:
        return "has no georeference" if header.geobox.transform.is_identity else "has a georeference"
    if not same_crs(header.geobox, first.geobox):
        return f"has the CRS {_crs_name(header.geobox)} and not {_crs_name(first.geobox)}"
    if not same_pixels(header.geobox, first.geobox):
        size, other = max(header.geobox.pixel_size), max(first.geobox.pixel_size)
        if f"{size:g}" == f"{other:g}":
            return "is turned otherwise"
        return f"has pixels of {size:g} and not of {other:g}"
    for number, (mine, others) in enumerate(zip(header.descriptions, first.descriptions), start=1):
        if mine and others and mine != others:
            return f"has a band {number} of {mine} and not of {others}"
    return ""


def same_crs(one: GeoBox, other: GeoBox) -> bool:
    """Whether coordinates of one raster are the other's, to less than a pixel, however both write their CRS."""
    if one.crs_wkt == other.crs_wkt:
        return True
    if not one.crs_wkt or not other.crs_wkt:
        return False
    try:
        first, second = CRS.from_wkt(one.crs_wkt), CRS.from_wkt(other.crs_wkt)
        if first == second:
            return True
        corners = [one.transform * (x, y) for x in (0, one.width) for y in (0, one.height)]
        xs, ys = zip(*corners)
        moved = np.array(transform(first, second, xs, ys))
    except (CRSError, RasterioError, CPLE_BaseError):
        return False
    return bool(np.abs(moved - np.array([xs, ys])).max() < 0.05 * min(one.pixel_size))


def same_pixels(one: GeoBox, other: GeoBox) -> bool:
    """Whether pixels of both are of one size and one direction, so that none drifts by half a pixel."""
    return _drift(one, other.transform) < _SAME_SIZE


def place_in(geobox: GeoBox, frame: Affine) -> tuple[int, int, float]:
    """Column and row, in the frame of a transform, where a raster's first pixel is nearest, and by how much it moves.

    The move is of the corner that moves most, in pixels.
    """
    column, row = ~frame * (geobox.transform * (0, 0))
    nearest = math.floor(column + 0.5), math.floor(row + 0.5)
    moved = max(abs(column - nearest[0]), abs(row - nearest[1])) + _drift(geobox, frame)
    return (*nearest, moved)


def _drift(geobox: GeoBox, frame: Affine) -> float:
    """How far the last corner lies, in pixels of a transform, from where the first one and the size put it."""
    step = ~frame * geobox.transform
    across = abs(step.a - 1) * geobox.width + abs(step.b) * geobox.height
    down = abs(step.d) * geobox.width + abs(step.e - 1) * geobox.height
    return max(across, down)


@dataclass(frozen=True)
class Mosaic:
    """A virtual raster. readable: its text. tiles: (path, bounds in its CRS) of each raster in it, moved as it is."""

    readable: str
    tiles: tuple[tuple[str, Bounds], ...]


def mosaic_of(headers: Sequence[Header], warn: Warn) -> Mosaic:
    """Rasters that do not differ as one, the later over the earlier; between them there is no data.

    warn: takes what the user should know. Raises BadInput where they have no place or cannot be read.
    """
    first = headers[0]
    for header in headers:
        if header.geobox.transform.is_identity:
            raise BadInput(f"The raster {header.path} has no georeference: where it lies beside the others is unknown.")
    placed = [place_in(header.geobox, first.geobox.transform) for header in headers]
    _tell_moved(headers, [moved for _, _, moved in placed], warn)
    left, top = min(column for column, _, _ in placed), min(row for _, row, _ in placed)
    windows = [
        Window(column - left, row - top, header.geobox.width, header.geobox.height)
        for header, (column, row, _) in zip(headers, placed)
    ]
    frame = GeoBox(
        first.geobox.transform * Affine.translation(left, top),
        first.geobox.crs_wkt,
        (max(window.bottom for window in windows), max(window.right for window in windows)),
    )
    gaps, overlaps = _gaps_and_overlaps(headers, windows, warn)
    return Mosaic(
        _text(headers, windows, frame, gaps, overlaps),
        tuple((header.path, frame.window_bounds(window)) for header, window in zip(headers, windows)),
    )


def _text(headers: Sequence[Header], windows: Sequence[Window], frame: GeoBox, gaps: bool, overlaps: bool) -> str:
    if all(header.data == "alpha" and header.colours == headers[0].colours for header in headers):
        plain = _with(headers, windows, frame, _plain_bands(headers, windows, False), _mask(headers, windows, gaps))
        with rasterio.open(plain) as dataset:
            sample = take_sample(dataset)
        numbers = [number for number, colour in enumerate(headers[0].colours, start=1) if colour == "alpha"]
        if not all(_is_transparency(sample, number) for number in numbers):
            return plain
        return _with(headers, windows, frame, _plain_bands(headers, windows, overlaps, alpha=True), None)
    if all(header.data == "nodata" and _same(header.nodata, headers[0].nodata) for header in headers):
        return _with(headers, windows, frame, _plain_bands(headers, windows, overlaps, nodata=True), None)
    bands = _plain_bands(headers, windows, overlaps)
    return _with(headers, windows, frame, bands, _mask(headers, windows, gaps))


def _is_transparency(sample: Sample, number: int) -> bool:
    """Whether a band that claims to be transparency is: looked at where there is an image."""
    return is_all_or_nothing(replace(sample, pixels={number: sample.values(number)}), number)


def _with(
    headers: Sequence[Header], windows: Sequence[Window], frame: GeoBox, bands: list[Band], mask: Band | None
) -> str:
    return of_bands(frame.shape, frame.crs_wkt, frame.transform, bands, mask)


def _plain_bands(
    headers: Sequence[Header],
    windows: Sequence[Window],
    overlaps: bool,
    alpha: bool = False,
    nodata: bool = False,
) -> list[Band]:
    """The bands. overlaps: whether a raster without data somewhere shows there what lies beneath it.

    alpha, nodata: whether what the rasters say of transparency and nodata is the whole's.
    """
    first = headers[0]
    bands = []
    for index, dtype in enumerate(first.dtypes):
        sources = [
            Source(
                header.path,
                index + 1,
                Window(0, 0, window.width, window.height),
                (window.column, window.row),
                properties=(header.geobox.shape, dtype, header.block),
                hidden=header.nodata[index] if overlaps and header.data == "nodata" else None,
                masked=overlaps and (header.data == "mask" or (alpha and header.data == "alpha")),
            )
            for header, window in zip(headers, windows)
        ]
        colour = first.colours[index]
        bands.append(
            Band(
                dtype,
                sources,
                nodata=first.nodata[index] if nodata else None,
                colour="" if colour == "undefined" or (colour == "alpha" and not alpha) else colour.capitalize(),
                description=first.descriptions[index],
                bits=first.bits[index],
            )
        )
    return bands


def _mask(headers: Sequence[Header], windows: Sequence[Window], gaps: bool) -> Band | None:
    """Where there is data; None where that is everywhere."""
    if not gaps and all(header.data in ("all", "alpha") and not header.holes for header in headers):
        return None
    sources = []
    for header, window in zip(headers, windows):
        where = (Window(0, 0, window.width, window.height), (window.column, window.row))
        if header.data in ("all", "alpha"):
            every = constant(header.geobox.shape, 255)
            sources.append(Source(every, 1, *where, properties=(header.geobox.shape, "uint8", header.block)))
            for hole in header.holes:
                shown = hole.shared(Window(0, 0, window.width, window.height))
                place = (window.column + shown.column, window.row + shown.row)
                sources.append(Source(constant(shown.shape, 0), 1, Window(0, 0, *shown.shape[::-1]), place))
            continue
        numbers = range(1, len(header.dtypes) + 1 if header.data == "nodata" else 2)
        for number in numbers:  # a pixel has data where one of its bands has
            sources.append(Source(header.path, f"mask,{number}", *where, hidden=0))
    return Band("uint8", sources)


def _gaps_and_overlaps(headers: Sequence[Header], windows: Sequence[Window], warn: Warn) -> tuple[bool, bool]:
    """Whether the rasters leave places without any, and whether some lie over each other."""
    counts, areas, cells = _cells(windows)
    missing = sum(hole.width * hole.height for header in headers for hole in header.holes) / areas.sum()
    overlapped = [header for header, cell in zip(headers, cells) if _share(counts[cell] > 1, areas[cell]) > _MOSTLY]
    gap, over = _share(counts == 0, areas), _share(counts > 1, areas)
    told = notice("tiles_joined", number=len(headers))
    warn(with_evidence(told, rasters=[header.name for header in headers], gaps_share=gap, overlap_share=over))
    if gap + missing > 0:
        warn(with_evidence(notice("holes", percent=max(1, round(100 * (gap + missing)))), share=gap + missing))
    if overlapped:
        names = named([header.name for header in overlapped])
        warn(notice("tiles_of_one_place", names=names))
    elif over:
        warn(notice("tiles_overlap"))
    return gap > 0, over > 0


def _cells(windows: Sequence[Window]) -> tuple[np.ndarray, np.ndarray, list[tuple[slice, slice]]]:
    """How many windows lie over each cell of the lattice of their edges, its area in pixels, each window's cells."""
    columns = np.unique([edge for window in windows for edge in (window.column, window.right)])
    rows = np.unique([edge for window in windows for edge in (window.row, window.bottom)])
    counts = np.zeros((len(rows) - 1, len(columns) - 1), np.int32)
    cells = []
    for window in windows:
        row, bottom = np.searchsorted(rows, (window.row, window.bottom))
        column, right = np.searchsorted(columns, (window.column, window.right))
        cells.append((slice(row, bottom), slice(column, right)))
        counts[cells[-1]] += 1
    return counts, np.diff(rows)[:, None].astype(float) * np.diff(columns)[None], cells


def _share(cells: np.ndarray, areas: np.ndarray) -> float:
    return float(areas[cells].sum() / areas.sum())


def covered_share(inner: Sequence[Window], outer: Sequence[Window]) -> float:
    """The share, 0..1, of the place of some windows that others cover."""
    counts, areas, cells = _cells([*outer, *inner])
    wanted, there = np.zeros(counts.shape, bool), np.zeros(counts.shape, bool)
    for cell in cells[: len(outer)]:
        wanted[cell] = True
    for cell in cells[len(outer) :]:
        there[cell] = True
    return float(areas[wanted & there].sum() / areas[wanted].sum())


def _tell_moved(headers: Sequence[Header], moves: Sequence[float], warn: Warn) -> None:
    moved = [header.name for header, move in zip(headers, moves) if move > SAME_PIXEL]
    if moved:
        told = notice("tiles_shifted", names=named(moved), first=headers[0].name, pixels=max(moves))
        warn(with_evidence(told, most_pixels=max(moves)))


def named(names: Sequence[str]) -> str:
    """Names for a sentence, not all where they are many."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED + 1 else ""
    return ", ".join(names[:_NAMED] if more else names) + more


def _same(one: Sequence[float | None], other: Sequence[float | None]) -> bool:
    return repr(one) == repr(other)  # NaN is no equal of itself


def _bands(count: int) -> str:
    return "one band" if count == 1 else f"{count} bands"


def _crs_name(geobox: GeoBox) -> str:
    if not geobox.crs_wkt:
        return "none"
    crs = CRS.from_wkt(geobox.crs_wkt)
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.to_wkt().split('"')[1]
