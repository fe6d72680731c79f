"""What the values of masks mean that no product states: percent, 0 and 1, 0 and 255, scene classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from ...contract.errors import BadInput
from ...contract.notices import Warn, notice
from ..raster.open import unreadable
from ..raster.windows import spread_windows
from . import vrt
from .bands import CLASSES, MASKS
from .series import Acquisition, BandSource
from .warp import OpenFiles

_SIDE, _SAMPLES, _SAMPLE = 256, 3, 64  # a mask up to _SIDE is looked at whole, of others 3 x 3 windows of 64 pixels
_MOST, _HIGHEST_CLASS, _FILL = 100.0, 11.0, 255.0
_UNKNOWN = 0.1  # share of a mask without a value from which on it is told


def with_usable_masks(acquisitions: Sequence[Acquisition], warn: Warn) -> list[Acquisition]:
    """The acquisitions, their clouds and snow in percent, and without the masks that know nothing.

    Raises BadInput where a mask's values are neither percent nor 0 and 1 nor 0 and 255, or no scene classes.
    """
    result = list(acquisitions)
    gaps = []
    with OpenFiles() as files:
        for role in MASKS:
            looks = {
                index: _values(source, acquisition.name, files, whole=False)
                for index, acquisition in enumerate(result)
                for source in [acquisition.mask(role)]
                if source is not None
            }
            for index, values in looks.items():
                known = values[np.isfinite(values)]
                if not known.size:
                    result[index] = result[index].with_mask(role, None)
                elif 1 - known.size / values.size > _UNKNOWN:
                    gaps.append(result[index].date)
            known = np.concatenate([values[np.isfinite(values)] for values in looks.values()] or [np.empty(0)])
            if role == CLASSES:
                _check_classes(known, result)
                continue
            named = next((result[index].name for index in looks), "")
            top = _top(known, role, named)
            if top == 1 and not any((_known(result[i], role, files) > 1).any() for i in looks):
                warn(notice("mask_of_0_and_1", mask=role))
                result = _stretched(result, list(looks), role, {0: 0, 1: 100}, files)
            elif top == _FILL:
                warn(notice("mask_of_0_and_255", mask=role))
                result = _stretched(result, list(looks), role, {0: 0, 255: 100}, files)
    if gaps:
        warn(notice("mask_gaps", dates=sorted(set(gaps))))
    return result


def _top(known: np.ndarray, role: str, name: str) -> float:
    """1 where no value is larger, 255 where 0 and 255 are the only ones, else 100."""
    if not known.size or known.max() <= 0:
        return _MOST
    if known.max() <= 1:
        return 1
    values = np.unique(known)
    if set(values.tolist()) <= {0.0, _FILL}:
        return _FILL
    if ((values > _MOST) & (values < _FILL)).any():
        raise BadInput(
            f"The mask of {role} of {name} has values up to {values.max():g}: give probabilities of 0 to 100 percent, "
            "or 0 and 1."
        )
    return _MOST


def _check_classes(known: np.ndarray, acquisitions: list[Acquisition]) -> None:
    wrong = known[(known > _HIGHEST_CLASS) & (known != _FILL)]
    if wrong.size:
        name = next(each.name for each in acquisitions if each.classes is not None)
        raise BadInput(
            f"The scene classes of {name} have the value {wrong.max():g}, but there are 0 to 11: give the SCL of "
            "Level-2A, or no mask."
        )


def _known(acquisition: Acquisition, role: str, files: OpenFiles) -> np.ndarray:
    source = acquisition.mask(role)
    values = np.empty(0) if source is None else _values(source, acquisition.name, files, whole=True)
    return values[np.isfinite(values)]


def _stretched(
    acquisitions: list[Acquisition], indices: Sequence[int], role: str, table: dict[int, int], files: OpenFiles
) -> list[Acquisition]:
    result = list(acquisitions)
    for index in indices:
        source = result[index].mask(role)
        if source is not None:
            text = vrt.of_table(files.dataset(source.path), source.path, source.band, table)
            result[index] = result[index].with_mask(role, BandSource(text, 1))
    return result


def _values(source: BandSource, name: str, files: OpenFiles, whole: bool) -> np.ndarray:
    """Samples of a mask, or all of it, float32 (pixels,); NaN where it has nothing."""
    try:
        dataset = files.dataset(source.path)
        return np.concatenate([_read(dataset, source.band, window) for window in _windows(dataset, whole)])
    except RasterioError as error:
        raise unreadable(name, error) from None


def _windows(dataset: DatasetReader, whole: bool) -> list[rasterio.windows.Window]:
    if whole or max(dataset.shape) <= _SIDE:
        return [rasterio.windows.Window(0, 0, dataset.width, dataset.height)]
    return [
        rasterio.windows.Window(*window) for window in spread_windows(dataset.width, dataset.height, _SAMPLES, _SAMPLE)
    ]


def _read(dataset: DatasetReader, band: int, window: rasterio.windows.Window) -> np.ndarray:
    values = dataset.read(band, window=window, out_dtype=np.float32).ravel()
    nodata = dataset.nodatavals[band - 1]  # of masks often 0, which is clear as well
    return values if not nodata else np.where(values == nodata, np.nan, values)
