"""From which digital numbers of an aerial image its 8 bits are made, and whether they can be a picture."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from rasterio.io import DatasetReader

from ...contract.errors import BadInput
from ...contract.notices import Warn, notice, with_evidence
from .sample import Sample

Limits = tuple[float, float]

# Percentiles that stand for the darkest and the brightest of a band: between them it is stretched.
_DARK, _BRIGHT = 0.5, 99.5
# A declared range (bits, or 0..1) is taken as it stands where the brightest band uses half of it: what a sensor with
# more bits than light gives, or reflectance, uses less, and would be a dark picture.
_USED = 0.5
# Interpolation overshoots: so far beyond its range, as a share of it, a value may lie.
_OVERSHOOT = 0.25
# Fractions within 0..255 whose brightest are not even this are another quantity, such as reflectance above 1.
_LEAST_OF_255 = 16.0
# Of 8 bits. A picture whose brightest band stays below is dark: of 584 real images the darkest, spruces in Lower
# Saxony, has 82 there, the next ones 94 and 115; a picture in the lower fifth of its range has 51.
_DARK_BELOW = 64.0
# Of 8 bits. No band of a flat picture has more between its darkest and its brightest: of 584 real images the flattest,
# open water, has 27, the next one, forest, 51.
_FLAT_BELOW = 12.0


def check_real_numbers(dataset: DatasetReader, path: str) -> None:
    """Raises BadInput where the values of a raster are complex numbers."""
    for dtype in dataset.dtypes:
        if dtype.startswith("complex"):
            raise BadInput(
                f"The aerial raster {path} has complex values (type {dtype}), as radar has, which are no picture: "
                "give an aerial image."
            )


def stretch_of(
    dataset: DatasetReader, sample: Sample, path: str, bands: dict[str, int], warn: Warn
) -> dict[int, Limits]:
    """The values (low, high) of each band number that become 0 and 255; empty where they are 8 bits already.

    Whole numbers of 0..255 are 8 bits in whatever type they are stored, and so are fractions between them. A declared
    number of bits and floats of 0..1 are scaled by their range where they use it. Everything else is stretched by its
    percentiles.

    bands: numbers by role; heights are not looked at (see `height_values`). Raises BadInput where the image's values
    cannot be used.
    """
    colours = {role: number for role, number in bands.items() if role != "elevation"}
    values = {number: sample.values(number) for number in colours.values()}
    if sample.filled is not None and sample.filled.any():
        warn(notice("filled_holes", percent=max(1, round(100 * float(sample.filled.mean())))))
    _refuse_one_value(values, path, [bands[role] for role in ("red", "green", "blue") if role in bands])
    stretch = _limits(dataset, values, path, bands["red"], warn)
    _warn_of_darkness(sample, colours, values, stretch, warn)
    return stretch


def _limits(
    dataset: DatasetReader, values: dict[int, np.ndarray], path: str, red: int, warn: Warn
) -> dict[int, Limits]:
    dtypes = {dataset.dtypes[number - 1] for number in values}
    bits = {number: _bits(dataset, number) for number in values}
    whole_8_bits = {number: _is_8_bit(band) for number, band in values.items()}
    if all(whole_8_bits.values()) and set(bits.values()) == {0}:
        if dtypes != {"uint8"} and any(band.size for band in values.values()):
            warn(notice("eight_bits_as", dtype=sorted(dtypes - {"uint8"})[0]))
        return {}
    if "uint8" in dtypes and len(dtypes) > 1:
        raise BadInput(
            f"The aerial raster {path} has bands of 8 and of 16 bits: convert them all to one, "
            "or give the elevation as a raster of its own."
        )
    bright = _brightest(values.values())
    if all(bits.values()):
        tops = {number: float(2**count - 1) for number, count in bits.items()}
        if dtypes == {"uint8"} or bright >= _USED * max(tops.values()):
            warn(notice("low_bits", bits=bits[red], top=tops[red]))
            return {number: (0.0, top) for number, top in tops.items()}
    if all(np.issubdtype(dtype, np.floating) for dtype in dtypes):
        if bright >= _USED and all(_lies_in(band, 1.0) for band in values.values()):
            warn(notice("scaled_floats"))
            return {number: (0.0, 1.0) for number in values}
        if bright >= _LEAST_OF_255 and all(_lies_in(band, 255.0) for band in values.values()):
            warn(notice("eight_bits_as", dtype=sorted(dtypes)[0]))
            return {}
    stretch = {number: _spread(band) for number, band in values.items()}
    low, high = stretch[red]
    if dtypes == {"uint16"}:
        warn(notice("stretched", low=low, high=high))
    else:
        warn(notice("stretched_values", dtype=sorted(dtypes)[0], low=low, high=high))
    return stretch


def _bits(dataset: DatasetReader, number: int) -> int:
    """How many bits a band of whole numbers declares to have, or 0 where it has those of its type."""
    dtype = np.dtype(dataset.dtypes[number - 1])
    declared = dataset.tags(number, ns="IMAGE_STRUCTURE").get("NBITS", "")
    if not declared.isdecimal() or len(declared) > len("64"):
        return 0
    if not np.issubdtype(dtype, np.integer):  # floats of half the length have it, too
        return 0
    return int(declared) if 0 < int(declared) < 8 * dtype.itemsize else 0


def _is_8_bit(values: np.ndarray) -> bool:
    """Whether a band holds whole numbers of 0..255, in whatever type they are stored."""
    return values.dtype == np.uint8 or bool(values.size and ((values >= 0) & (values <= 255) & (values % 1 == 0)).all())


def _lies_in(values: np.ndarray, top: float) -> bool:
    """Whether a band of floats lies within 0..top, but for what an interpolation overshoots."""
    if not values.size:
        return False
    low, high = np.percentile(values, [_DARK, _BRIGHT])
    beyond = _OVERSHOOT * top
    return bool(low >= -0.01 * top and high <= 1.01 * top and values.min() >= -beyond and values.max() <= top + beyond)


def _spread(values: np.ndarray) -> Limits:
    """The values of a band between which it is stretched."""
    if not values.size:
        return 0.0, 65535.0
    low, high = (float(value) for value in np.percentile(values, [_DARK, _BRIGHT]))
    least = 0.0 if np.issubdtype(values.dtype, np.floating) else 1.0
    return low, max(high, low + least) if high > low else low + 1.0


def _brightest(bands: Collection[np.ndarray]) -> float:
    return max((float(np.percentile(band, _BRIGHT)) for band in bands if band.size), default=0.0)


def _refuse_one_value(values: dict[int, np.ndarray], path: str, shown: list[int]) -> None:
    """Raises BadInput where red, green and blue hold one value each: no picture at all."""
    bands = [values[number] for number in shown]
    if not all(band.size for band in bands) or any(band.min() != band.max() for band in bands):
        return
    held = sorted({float(band[0]) for band in bands})
    if held == [0.0]:
        raise BadInput(f"The aerial raster {path} is black, nothing but 0: choose the file that holds the image.")
    numbers = ", ".join(f"{value:g}" for value in held)
    raise BadInput(
        f"The aerial raster {path} holds one value all over ({numbers}), which is no picture: choose the file that "
        "holds the image."
    )


def _warn_of_darkness(
    sample: Sample, colours: dict[str, int], values: dict[int, np.ndarray], stretch: dict[int, Limits], warn: Warn
) -> None:
    """Warns of a picture that uses next to nothing of its range, and of a band in which nothing can be seen."""
    if not all(values[number].size for number in colours.values()):
        return
    shown = {role: _eight_bits(values[number], stretch.get(number)) for role, number in colours.items()}
    picture = {role: shown[role] for role in ("red", "green", "blue") if role in shown}
    ranges = {role: np.percentile(band, [_DARK, 50.0, _BRIGHT]) for role, band in picture.items()}
    evidence = {
        f"{role}_{name}": round(float(value), 2)
        for role, band in ranges.items()
        for name, value in zip(("low", "median", "high"), band)
    }
    high = max(float(band[2]) for band in ranges.values())
    widest = max(float(band[2] - band[0]) for band in ranges.values())
    steps = max(_steps(values[colours[role]]) for role in picture)
    if high < _DARK_BELOW:
        told = notice("dark_picture", high=high)
    elif min(widest, steps) < _FLAT_BELOW:
        told = notice("flat_picture", width=min(widest, steps))
    else:
        told = None
    if told is not None:
        warn(with_evidence(told, picture=sample.picture(colours["green"], _fullest(sample)), **evidence))
    for role, number in colours.items():
        band = values[number]
        if band.min() == band.max():
            name = "near infrared" if role == "nir" else role
            warn(notice("band_of_one_value", number=number, role=name, value=float(band[0])))


def _steps(values: np.ndarray) -> float:
    """How many steps a band has between its darkest and its brightest: stretched, a few of 16 bits are but noise."""
    if not np.issubdtype(values.dtype, np.integer) or values.dtype.itemsize == 1:
        return math.inf
    return float(np.ptp(np.percentile(values, [_DARK, _BRIGHT])))


def _eight_bits(values: np.ndarray, limits: Limits | None) -> np.ndarray:
    if limits is None:
        return values.astype(np.float32)
    low, high = limits
    return (values.astype(np.float32) - low) * (255.0 / (high - low))


def _fullest(sample: Sample) -> int:
    """The window of a sample with the most data."""
    return int(sample.valid.sum(axis=(1, 2)).argmax())
