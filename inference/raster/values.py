"""From which digital numbers of an aerial image its 8 bits are made."""

from __future__ import annotations

import numpy as np
from rasterio.io import DatasetReader

from ...contract.errors import BadInput
from ...contract.notices import Warn, notice
from .sample import Sample


def stretch_of(
    dataset: DatasetReader, sample: Sample, path: str, bands: dict[str, int], warn: Warn
) -> dict[int, tuple[float, float]]:
    """The digital numbers (low, high) of each band number that become 0 and 255; empty for 8 bits.

    bands: numbers by role. Raises BadInput where the image's values cannot be used.
    """
    if all(_is_8_bit(sample.values(number)) for role, number in bands.items() if role != "elevation"):
        return {}
    dtypes = {dataset.dtypes[number - 1] for number in bands.values()}
    if not dtypes <= {"uint8", "uint16"}:
        raise BadInput(
            f"The aerial raster {path} has values of type {sorted(dtypes - {'uint8', 'uint16'})[0]}: "
            "convert it to 8 or 16 bits without sign."
        )
    if len(dtypes) > 1:
        raise BadInput(
            f"The aerial raster {path} has bands of 8 and of 16 bits: convert them all to one, "
            "or give the elevation as a raster of its own."
        )
    stretch = {number: _spread(sample.values(number)) for role, number in bands.items() if role != "elevation"}
    low, high = stretch[bands["red"]]
    warn(notice("stretched", low=low, high=high))
    return stretch


def _is_8_bit(values: np.ndarray) -> bool:
    """Whether a band holds whole numbers of 0..255, in whatever type they are stored."""
    return values.dtype == np.uint8 or bool(values.size and ((values >= 0) & (values <= 255) & (values % 1 == 0)).all())


def _spread(values: np.ndarray) -> tuple[float, float]:
    """The 0.5 and 99.5 percentiles of a band."""
    if not values.size:
        return 0.0, 65535.0
    low, high = np.percentile(values, [0.5, 99.5])
    return float(low), float(max(high, low + 1))
