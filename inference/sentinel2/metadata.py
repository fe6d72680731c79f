"""What the metadata file of a Level-2A product of Copernicus says of its values."""

from __future__ import annotations

import math
import re

from ...contract.cards import SATELLITE_BANDS
from ...contract.dates import date_in
from ...contract.errors import BadInput
from .series import REFLECTANCE

METADATA = re.compile(r"MTD_?.*(L1C|L2A).*\.xml$")  # MTD_MSIL2A.xml; before 2016-12 S2A_USER_MTD_SAFL2A_PDMC_....xml
# Numbers of the bands in the metadata, `band_id` (PSD 14.6 onward): B1 B2 B3 B4 B5 B6 B7 B8 B8A B9 B10 B11 B12.
_BAND_IDS = dict(zip(SATELLITE_BANDS, (1, 2, 3, 4, 5, 6, 7, 8, 11, 12)))
# Patterns rather than an XML parser: of large, foreign files three plain elements are wanted.
_OFFSET = re.compile(r'<BOA_ADD_OFFSET\s+band_id="(\d{1,9})"\s*>\s*(-?[\d.]+)\s*<')
_QUANTIFICATION = re.compile(r"BOA_QUANTIFICATION_VALUE[^>]*>\s*([\d.]+)\s*<")
_START = re.compile(r"<PRODUCT_START_TIME>([^<]+)<")


def start_in(metadata: str, what: str) -> str | None:
    """The ISO date on which a product was taken; None where it does not say it. Raises BadInput for impossible ones."""
    start = _START.search(metadata)
    return date_in(start[1], what) if start else None


def offset_in(metadata: str, what: str) -> float:
    """The radiometric offset of the bands taken: none before processing baseline 04.00."""
    stated = {int(number): _number(value, what) for number, value in _OFFSET.findall(metadata)}
    offsets = {stated.get(number, 0.0) for number in _BAND_IDS.values()}
    if len(offsets) > 1:
        raise BadInput(f"{what} has several radiometric offsets: give a product whose bands have one.")
    return offsets.pop()


def scale_in(metadata: str, what: str) -> float:
    """What values with the offset added are multiplied by to give reflectance x 10000."""
    match = _QUANTIFICATION.search(metadata)
    value = _number(match[1], what) if match else 0.0
    if value <= 0:
        raise BadInput(f"{what} does not say its quantification value: copy or download it again, whole.")
    return REFLECTANCE / value


def _number(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:  # such as 1.2.3
        value = math.inf
    if math.isinf(value):
        raise BadInput(f"{what} has the value {text:.40} in its metadata, which is no number: download it again.")
    return value


def level_1c(path: str) -> BadInput:
    """What to raise for data of Level-1C."""
    return BadInput(
        f"The Sentinel-2 product {path} is of Level-1C, not corrected for the atmosphere: "
        "give the Level-2A product of the same date."
    )
