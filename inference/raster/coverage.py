"""Places of a raster that nothing was ever put: a virtual raster's gaps, blocks of a TIFF that were never written.

GDAL reads 0 there.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace

import numpy as np
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader

from ...contract.errors import BadInput
from ...contract.notices import Warn, notice, with_evidence
from .collar import colours_of
from .intact import is_one_strip
from .sample import Sample
from .virtual import is_text
from .windows import Window

_BAND = re.compile(r"<VRTRasterBand\b([^>]*)>(.*?)</VRTRasterBand>", re.DOTALL)
_SOURCE = re.compile(r"<(\w+Source)\b[^>]*>(.*?)</\1>", re.DOTALL)
_FARTHEST = 2**40  # pixels: no raster of GDAL's has more than 2**31 columns or rows
_PLACE = re.compile(r"<DstRect\b([^>]*)>")
_NUMBER = re.compile(r'(\w+)\s*=\s*["\']([^"\']*)["\']')


@dataclass(frozen=True)
class Coverage:
    """Where a raster has been given pixels: inside of the windows, or outside of them.

    windows: in its pixels. inside: whether they are what is covered, and not what is missing.
    """

    windows: tuple[Window, ...]
    inside: bool

    def of(self, window: Window) -> np.ndarray:
        """(rows, columns) bool: the pixels of a window that are covered."""
        covered = np.full(window.shape, not self.inside)
        for each in self.windows:
            shared = each.intersection(window)
            if shared is not None:
                covered[shared.within(window)] = self.inside
        return covered


def coverage_of(dataset: DatasetReader) -> Coverage | None:
    """Where an open raster was given pixels; None where everywhere.

    Read from a virtual raster's text or a TIFF's index of blocks; no pixels are read.
    """
    numbers = colours_of(dataset)
    if dataset.driver == "VRT":
        return _of_virtual(dataset, numbers)
    return _of_blocks(dataset, numbers) if dataset.driver in ("GTiff", "COG") else None


def declares_no_data(dataset: DatasetReader) -> bool:
    """Whether a raster says itself where it has no data; where nothing was put, it has none then."""
    return any(MaskFlags.all_valid not in flags for flags in dataset.mask_flag_enums)


def _of_virtual(dataset: DatasetReader, numbers: list[int]) -> Coverage | None:
    text = dataset.name
    if not is_text(text):
        if not os.path.isfile(text):
            return None
        with open(text, encoding="utf-8", errors="replace") as file:
            text = file.read()
    bands = [(attributes, inside) for attributes, inside in _BAND.findall(text) if 'band="' in attributes]
    if len(bands) < max(numbers) or "subClass" in "".join(re.findall(r"<VRTDataset\b[^>]*>", text)):
        return None  # a warped or processed one, or one whose bands are nested
    found: set[Window] = set()
    for attributes, inside in (bands[number - 1] for number in numbers):
        sources = _SOURCE.findall(inside)
        if "subClass" in attributes or not sources:
            return None
        places = [_PLACE.search(source) for _, source in sources]
        if None in places:  # a source without a place covers all
            return None
        found.update(_window(place[1]) for place in places if place is not None)
    coverage = Coverage(tuple(sorted(found, key=lambda window: (window.row, window.column))), True)
    return coverage if missing_share(coverage, dataset) else None


def _window(attributes: str) -> Window:
    """A place in whole pixels, as GDAL rounds them. Raises BadInput where it is none."""
    try:
        values = {name: float(value) for name, value in _NUMBER.findall(attributes)}
        left, top = values["xOff"], values["yOff"]
        ends = (left, top, left + values["xSize"], top + values["ySize"])
    except (ValueError, KeyError):
        ends = (np.nan,) * 4
    if not all(abs(end) <= _FARTHEST for end in ends):  # nor NaN
        raise BadInput(
            f"A part of the virtual raster has a place that is none ({attributes.strip()[:100]}): make it anew."
        )
    return Window.between(*(int(np.floor(end + 0.5)) for end in ends))


def missing_share(coverage: Coverage, dataset: DatasetReader) -> float:
    """The share of a raster, 0..1, that is not covered: counted by the lines between which nothing changes."""
    whole = Window(0, 0, dataset.width, dataset.height)
    inside = [shared for window in coverage.windows if (shared := window.intersection(whole))]
    columns = np.unique([0, dataset.width, *(x for w in inside for x in (w.column, w.right))])
    rows = np.unique([0, dataset.height, *(y for w in inside for y in (w.row, w.bottom))])
    cells = np.full((len(rows) - 1, len(columns) - 1), not coverage.inside)
    for window in inside:
        top, bottom = np.searchsorted(rows, (window.row, window.bottom))
        left, right = np.searchsorted(columns, (window.column, window.right))
        cells[top:bottom, left:right] = coverage.inside
    covered = float(np.diff(rows) @ cells @ np.diff(columns))
    return 1 - covered / (dataset.width * dataset.height)


def _of_blocks(dataset: DatasetReader, numbers: list[int]) -> Coverage | None:
    if is_one_strip(dataset):
        return None
    height, width = dataset.block_shapes[0]
    missing: list[Window] = []
    for row in range(-(-dataset.height // height)):
        for column in range(-(-dataset.width // width)):
            if any(_is_there(dataset, column, row, number) for number in numbers):
                continue
            window = Window(column * width, row * height, width, height)
            before = missing[-1] if missing else None
            if before and before.row == window.row and before.right == window.column:
                missing[-1] = Window.between(before.column, before.row, window.right, window.bottom)
            else:
                missing.append(window)
    return Coverage(tuple(missing), False) if missing else None


def _is_there(dataset: DatasetReader, column: int, row: int, number: int) -> bool:
    """Whether a block of a TIFF was ever written."""
    return bool(dataset.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=number))


def within_coverage(sample: Sample, coverage: Coverage | None) -> Sample:
    """The sample in which what is not covered has no data."""
    if coverage is None:
        return sample
    _, rows, columns = sample.valid.shape
    covered = np.stack([_thinned(coverage.of(window), rows, columns) for window in sample.windows])
    return replace(sample, valid=sample.valid & covered)


def _thinned(covered: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """So many rows and columns of it, evenly spread."""
    height, width = covered.shape
    return covered[np.ix_(np.arange(rows) * height // rows, np.arange(columns) * width // columns)]


def tell_of_coverage(coverage: Coverage | None, dataset: DatasetReader, warn: Warn) -> None:
    """Says what is left out."""
    if coverage is None:
        return
    share = missing_share(coverage, dataset)
    warn(with_evidence(notice("holes", percent=max(1, round(100 * share))), share=share))
