"""Sentinel-2 beside the aerial image: one raster of 10 bands (one date) or T x 10 bands (a series).

Dates and bands are read off band descriptions such as ``2021-04-15 B8A``; a raster of one date may
also carry its date in its file name. The raster is warped to a 10 m grid in the aerial raster's
frame, and each tile gets the superpatch of that grid whose centre is nearest to its own.
"""

from __future__ import annotations

import datetime
import os
import re
from dataclasses import dataclass

import numpy as np
from affine import Affine
from rasterio.io import DatasetReader

from ..models.cards import SATELLITE_BANDS, SatelliteInput
from .aerial import check_lies_under, check_not_truncated, open_raster
from .errors import BadInput
from .grid import Grid, Window
from .read import WindowReader, warped_reader

GROUND_SAMPLING_DISTANCE = 10.0  # metres
REFERENCE_YEAR = 2021  # any year without a leap day; positions in the year are what counts (IGNF/FLAIR-2)
_REFERENCE_DATE = datetime.date(REFERENCE_YEAR, 5, 15)
_MONTH_DAY = 15  # a monthly mean stands for the middle of its month (IGNF/FLAIR-2)

_DATE = re.compile(r"(?<!\d)((?:19|20)\d{2})[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")
_BAND = re.compile(r"(?<![A-Za-z0-9])B0?(8A|1[0-2]|[1-9])(?![0-9A-Za-z])", re.IGNORECASE)


@dataclass(frozen=True)
class SentinelSource:
    """A Sentinel-2 raster, readable and dated.

    dates: ISO dates, ascending. bands: for each date the band numbers of B2 B3 B4 B5 B6 B7 B8 B8A B11 B12.
    """

    path: str
    dates: tuple[str, ...]
    bands: tuple[tuple[int, ...], ...]
    nodata: float | None


def describe_sentinel2(path: str, grid: Grid, extent: tuple[float, float, float, float]) -> SentinelSource:
    """Checks a Sentinel-2 raster against the aerial grid and the extent to map, in the grid's CRS.

    Raises BadInput where it cannot be used.
    """
    with open_raster(path, "The Sentinel-2 raster") as dataset:
        wanted = len(SATELLITE_BANDS)
        if dataset.count % wanted:
            raise BadInput(
                f"The Sentinel-2 raster {path} has {dataset.count} bands: give {wanted} for one date "
                f"({' '.join(SATELLITE_BANDS)}) or {wanted} for each date of a series."
            )
        if not np.issubdtype(np.dtype(dataset.dtypes[0]), np.integer):
            raise BadInput(
                f"The Sentinel-2 raster {path} has values of type {dataset.dtypes[0]}: "
                "give reflectance x 10000 as integers, as Level-2A products have it."
            )
        check_not_truncated(dataset, "The Sentinel-2 raster")
        check_lies_under(dataset, "The Sentinel-2 raster", grid.crs_wkt, extent)
        by_date = _bands_by_date(dataset)
        nodata = dataset.nodata if dataset.nodata is not None else 0.0
    return SentinelSource(path, tuple(by_date), tuple(by_date.values()), nodata)


def _bands_by_date(dataset: DatasetReader) -> dict[str, tuple[int, ...]]:
    wanted = len(SATELLITE_BANDS)
    descriptions = [description or "" for description in dataset.descriptions]
    dated = [_date_in(description) for description in descriptions]
    if dataset.count == wanted and None in dated:
        date = dated[0] or _date_in(os.path.basename(dataset.name))
        if date is None:
            raise BadInput(
                f"The date of the Sentinel-2 raster {dataset.name} is unknown: put it into the file name (2021-04-15)."
            )
        dated = [date] * wanted
    if None in dated:
        raise BadInput(
            f"The Sentinel-2 raster {dataset.name} does not say the date of its band {dated.index(None) + 1}: "
            "describe each band like '2021-04-15 B8A'."
        )
    groups: dict[str, list[int]] = {}
    for number, date in enumerate(dated, start=1):
        groups.setdefault(date, []).append(number)
    for date, numbers in groups.items():
        if len(numbers) != wanted:
            raise BadInput(
                f"The Sentinel-2 raster {dataset.name} has {len(numbers)} bands of {date}: each date needs {wanted}."
            )
    return {date: _in_band_order(groups[date], descriptions, dataset.name) for date in sorted(groups)}


def _in_band_order(numbers: list[int], descriptions: list[str], path: str) -> tuple[int, ...]:
    """Band numbers in the order of SATELLITE_BANDS: by the names described, else as they lie."""
    found = [_BAND.search(descriptions[number - 1]) for number in numbers]
    if not all(found):
        return tuple(numbers)
    by_name = {f"B{match.group(1).upper()}": number for match, number in zip(found, numbers)}
    missing = [name for name in SATELLITE_BANDS if name not in by_name]
    if missing:
        raise BadInput(f"The Sentinel-2 raster {path} has no band {missing[0]}: give {' '.join(SATELLITE_BANDS)}.")
    return tuple(by_name[name] for name in SATELLITE_BANDS)


def _date_in(text: str) -> str | None:
    match = _DATE.search(text)
    if match is None:
        return None
    try:
        return datetime.date(*(int(part) for part in match.groups())).isoformat()
    except ValueError:
        return None


def monthly_means(series: np.ndarray, dates: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The series as the network was trained on it: one mean a calendar month, whatever the year.

    series: (T, bands, rows, columns); dates: T ISO dates.
    Returns (months, bands, rows, columns) float32 in calendar order, and the days from day 15 of each
    month to 15 May of one reference year, (months,) float32 (IGNF/FLAIR-2, `monthly_image`).
    """
    month_of = np.array([int(date[5:7]) for date in dates])
    months = sorted(set(month_of.tolist()))
    means = np.stack([series[month_of == month].mean(axis=0, dtype=np.float64) for month in months])
    days = [(_REFERENCE_DATE - datetime.date(REFERENCE_YEAR, month, _MONTH_DAY)).days for month in months]
    return means.astype(np.float32), np.array(days, np.float32)


@dataclass(frozen=True)
class Superpatches:
    """Reads the superpatch of any tile.

    A tile gets none where a date lacks pixels in the central part that covers the tile itself; pixels
    missing further out take the mean of those that are there.
    """

    source: SentinelSource
    card: SatelliteInput
    reader: WindowReader
    grid: Grid
    margin: int

    def read(self, tile: Window) -> tuple[np.ndarray, np.ndarray] | None:
        """Series (months, bands, 40, 40) float32 and days (months,) float32 centred on a tile, or None."""
        size = self.card.superpatch
        across, down = self.grid.pixels_in(GROUND_SAMPLING_DISTANCE)
        column = round((tile[0] + tile[2] / 2) / across) + self.margin - size // 2
        row = round((tile[1] + tile[3] / 2) / down) + self.margin - size // 2
        numbers = [number for date in self.source.bands for number in date]
        pixels, _ = self.reader.read((column, row, size, size), numbers)
        series = pixels.reshape(len(self.source.dates), len(self.card.bands), size, size)
        missing = (series == self.source.nodata).all(axis=1)
        half = size // 2
        reach = round(tile[2] / across / 2)
        if missing[:, half - reach : half + reach, half - reach : half + reach].any():
            return None
        if missing.any():
            series = _fill(series.astype(np.float32), missing)
        means, days = monthly_means(series, self.source.dates)
        return means / np.float32(self.card.divisor), days


def _fill(series: np.ndarray, missing: np.ndarray) -> np.ndarray:
    for date in range(len(series)):
        there = ~missing[date]
        series[date][:, missing[date]] = series[date][:, there].mean(axis=1)[:, None]
    return series


def open_superpatches(source: SentinelSource, card: SatelliteInput, grid: Grid) -> Superpatches:
    """The reader of superpatches over a whole aerial grid."""
    across, down = grid.pixels_in(GROUND_SAMPLING_DISTANCE)
    margin = card.superpatch  # pixels of 10 m around the raster, so that a tile at its edge has its surroundings
    transform = grid.transform * Affine.scale(across, down) * Affine.translation(-margin, -margin)
    width = int(np.ceil(grid.width / across)) + 2 * margin
    height = int(np.ceil(grid.height / down)) + 2 * margin
    reader = warped_reader(source.path, grid.crs_wkt, transform, width, height, source.nodata)
    return Superpatches(source, card, reader, grid, margin)
