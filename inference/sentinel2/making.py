"""How the values of a raster that is no product were made, as metadata, tags and names around it say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ...contract.errors import BadInput
from .metadata import METADATA, offset_in, scale_in, start_in
from .series import NAMED, STATED, UNKNOWN
from .theia import NODATA, product_of

LEVEL_1C, LEVEL_2A = "L1C", "L2A"
OFFSET = -1000.0  # BOA_ADD_OFFSET of all bands of all products from processing baseline 04.00 on (PSD 14.9)
WITH_OFFSET = 400  # the first baseline with it, 04.00
SINCE = "2022-01-25"  # the day on which 04.00 came into operation; older dates are processed anew as 05.00 and later

_FOLDERS = 6  # from the file upwards whose names and metadata are looked at
_BASELINE = re.compile(r"(?<![A-Za-z0-9])N(0\d)\.?(\d\d)(?![A-Za-z0-9])")  # N0509; N05.09 in granules
_PRODUCT = re.compile(r"MSI_?L(1C|2A)|^L(1C|2A)_T\d\d[A-Z]{3}")  # names of products and of granules
_LEVEL = re.compile(r"(?<![A-Za-z0-9])L(1C|2A)(?![A-Za-z0-9])")
# Band files of Level-1C; those of Level-2A say their resolution (T31TCJ_20230418T105031_B04_10m.jp2).
_FILE_1C = re.compile(r"^T\d\d[A-Z]{3}_\d{8}T\d{6}_B(?:\d\d|8A)\.jp2$", re.IGNORECASE)
_GRANULE = "MTD_TL.xml"
_GRANULE_LEVEL = re.compile(r"Level-(1C|2A)_Tile_ID")
_TAG_LEVEL = re.compile(r"PROCESSING_?LEVEL$", re.IGNORECASE)
_TAG_BASELINE = re.compile(r"PROCESSING[_:]BASELINE$", re.IGNORECASE)


@dataclass(frozen=True)
class Making:
    """How values were made.

    level: LEVEL_1C, LEVEL_2A or "" where nothing says it. offset: to be added to digital numbers, None where nothing
    says it. scale: from the sum to reflectance x 10000, None likewise. basis: what offset rests on, as of Acquisition.
    nodata: value of missing pixels, None where nothing says it.
    """

    level: str = ""
    offset: float | None = None
    scale: float | None = None
    basis: str = UNKNOWN
    nodata: float | None = None


def making_of(path: str, date: str, tags: Mapping[str, str]) -> Making:
    """What is known of a raster of a date, by the nearest that says it: metadata, tags, then names from the file up.

    Metadata in a folder above count where they are of the same date. JPEG 2000 files are the products' own, to which
    nothing was done since: what is said of them is STATED.
    """
    if product_of(path):
        return Making(LEVEL_2A, 0.0, 1.0, STATED, NODATA)  # Theia's have no offset
    making = _of_metadata(path, date) or _of_names(path, tags)
    if making.basis == NAMED and path.lower().endswith(".jp2"):
        return replace(making, basis=STATED)
    return making


def _of_names(path: str, tags: Mapping[str, str]) -> Making:
    level = baseline = ""
    for key, value in tags.items():
        if _TAG_LEVEL.search(key) and value[-2:] in ("1C", "2A"):
            level = f"L{value[-2:]}"
        match = re.fullmatch(r"0?(\d)\.?(\d\d)", value.strip()) if _TAG_BASELINE.search(key) else None
        if match:
            baseline = match[1] + match[2]
    for depth, name in enumerate(_names(path)):
        match = _PRODUCT.search(name) or (_LEVEL.search(name) if depth < 2 else None)
        level = level or (f"L{next(filter(None, match.groups()))}" if match else "")
        match = _BASELINE.search(name)
        baseline = baseline or (match[1] + match[2] if match else "")
    if _FILE_1C.match(os.path.basename(path)):
        level = LEVEL_1C
    if not baseline:
        return Making(level)
    return Making(level, OFFSET if int(baseline) >= WITH_OFFSET else 0.0, None, NAMED)


def _names(path: str) -> Iterator[str]:
    """The file's name and those of the folders above it, upwards; a zip file is one of them."""
    parts = [part for part in re.split(r"[/\\]", os.path.abspath(path) if os.path.exists(path) else path) if part]
    yield from reversed(parts[-1 - _FOLDERS :])


def _of_metadata(path: str, date: str) -> Making | None:
    folder = os.path.dirname(os.path.abspath(path))
    granule: Making | None = None
    for _ in range(_FOLDERS):
        try:
            names = sorted(os.listdir(folder))
        except OSError:  # of no folder on disk
            return granule
        for name in names:
            match = METADATA.search(name)
            text = _text(os.path.join(folder, name)) if match or name == _GRANULE else ""
            if match and _same_date(text, date):
                try:
                    offset, scale = offset_in(text, name), scale_in(text, name)
                except BadInput:  # of Level-1C, or of a form of its own
                    offset, scale = None, None
                return Making(match[1], offset, scale, NAMED if offset is not None else UNKNOWN)
            level, baseline = _GRANULE_LEVEL.search(text), _BASELINE.search(text.partition("</TILE_ID>")[0])
            if name == _GRANULE and level and baseline and date in text:
                offset = OFFSET if int(baseline[1] + baseline[2]) >= WITH_OFFSET else 0.0
                granule = granule or Making(f"L{level[1]}", offset, None, NAMED)
        folder = os.path.dirname(folder)
    return granule


def _same_date(metadata: str, date: str) -> bool:
    try:
        return start_in(metadata, "") == date
    except BadInput:
        return False


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
