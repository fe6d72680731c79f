"""What the values of a series mean where nothing says it: told by samples of its pixels, and said.

Real surfaces are dark somewhere. In the three real series at hand (Flanders, 72 dates; two forests in Lower Saxony, 146
each) the darkest hundredth of the pixels, each by its darkest band, is below a reflectance of 0.1 on 143 of the 160
dates that are cloudless by their masks, and at 0.0001 on the darkest date of each series; under full cloud it lies
between 0.06 and 0.6.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from ...contract.cards import SATELLITE_BANDS
from ...contract.errors import BadInput
from ...contract.going_on import counted, go_on
from ...contract.notices import Stage, Warn, notice, stage, with_evidence
from ..raster.geobox import GeoBox
from ..raster.open import unreadable
from ..raster.windows import Window, spread_windows
from .making import OFFSET, SINCE
from .series import NAMED, REFLECTANCE, STATED, UNKNOWN, Acquisition
from .warp import OpenFiles

_SIDE, _SAMPLES, _SAMPLE = 96, 3, 32  # a raster up to _SIDE is looked at whole, of others 3 x 3 windows of 32 pixels
# Of JPEG 2000, whose tiles of 1024 pixels are decoded whole (0.3 s a window, measured), one place of that size, thinned
# as its levels are. These mix pixels up to two of theirs away, also with those without data.
_TILE, _FINER, _MIXED = 1024, 8, 2
_THINNED = 256  # pixels a side that a raster is read with where its samples hold nothing
_RED, _NIR = SATELLITE_BANDS.index("B4"), SATELLITE_BANDS.index("B8")

# Fills that programs leave without declaring them; a reflectance below -0.09 is no measurement.
_FILLS = (-9999.0, -10_000.0, -32_767.0, -32_768.0, -999.0)
_BRIGHTEST = 2.0  # reflectance that no pixel exceeds but a cloud's glint
_PERCENT = 150.0  # the same in percent: nothing but glint is brighter than 1.5 times white
_BYTE, _SHORT = 255.0, 65_535.0
# Share of pixels brighter than white in infrared and half as bright in red that cannot be: 0.001 at most in the 364
# dates of the three series, and more than this in 165 of them once they are stretched to 65535.
_VEGETATION = 0.01
_WHITE = 12_000.0  # median in infrared that some date of a series is below; under clouds 11808 is the highest of those
_NEGATIVE = 0.5  # share of values below 0 that cannot be
_DARKEST = 1  # percentile of the pixels by their darkest band that decides on the offset
_DARK = 1000.0  # the offset
# Dates before SINCE have it only where they were processed anew: one alone is more likely hazy, which is as dark, and
# brighter than _CLOUDS it is clouds. At most 10 dates in a row are so in the three series (of the 146 of a forest).
_CLOUDS, _ENOUGH = 2000.0, 12
_CLIPPED, _CLIPPED_AT = 10, 900.0  # percentile that cannot lie below this where the offset is in: reflectance -0.01
_NAMED = 3  # names that a notice tells


@dataclass(frozen=True, eq=False)
class _Look:
    """Samples of an acquisition. pixels: float32 (bands, pixels), digital numbers, without those that miss a band."""

    acquisition: Acquisition
    pixels: np.ndarray

    def summed(self) -> np.ndarray:
        """Digital numbers with the offset that the file itself declares beside its scale, float32 (bands, pixels)."""
        given = self.acquisition.offset if self.acquisition.scale_stated else 0.0
        return self.pixels + np.float32(given)

    def reflectance(self) -> np.ndarray:
        """Times 10000, without an offset."""
        return self.pixels * np.float32(self.acquisition.scale)

    def darkest(self, percentile: float) -> float:
        """Of the pixels' darkest bands; reflectance x 10000."""
        return float(np.percentile(self.reflectance().min(axis=0), percentile))


def settled(acquisitions: Sequence[Acquisition], where: str, warn: Warn) -> list[Acquisition]:
    """The acquisitions, each with the nodata, scale and offset that its pixels speak for where nothing states them.

    Those without a single pixel are left out. Raises BadInput where none is left or values cannot be reflectance.
    """
    sure = [each for each in acquisitions if each.offset_basis == STATED and each.scale_stated]
    unsure = [each for each in acquisitions if not (each.offset_basis == STATED and each.scale_stated)]
    if not unsure:
        return list(acquisitions)
    with _Samples(unsure) as files:
        looks = _with_fills([_look(each, files) for each in counted(unsure, _reading)], files, warn)
    empty = [look.acquisition.name for look in looks if not look.pixels.size]
    looks = [look for look in looks if look.pixels.size]
    if not looks and not sure:
        raise BadInput(f"{where} holds no pixel with data, all of them are 0 or nodata: copy or download it again.")
    if empty:
        warn(notice("empty_dates", names=_some(empty)))
    if looks:
        _check_possible(looks, where)
        looks = _with_offsets(_with_scales(looks, where, warn), warn)
    return [*sure, *(look.acquisition for look in looks)]


def _reading(number: int, total: int) -> Stage:
    return stage("reading_series", number=number, total=total)


class _Samples(OpenFiles):
    """Rasters with what was read of them: of one that holds many dates, a place is read once for all of them.

    A data cube is decompressed in blocks of many dates, and rasterio looks at all bands of a raster at each reading.
    """

    def __init__(self, acquisitions: Sequence[Acquisition]) -> None:
        super().__init__()
        bands: dict[str, set[int]] = {}
        for acquisition in acquisitions:
            for source in acquisition.bands:
                bands.setdefault(source.path, set()).add(source.band)
        self._bands = {path: sorted(numbers) for path, numbers in bands.items()}
        self._read: dict[tuple[str, GeoBox], np.ndarray | None] = {}

    def __enter__(self) -> _Samples:
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._read.clear()

    def read(self, path: str, bands: list[int], place: GeoBox) -> np.ndarray | None:
        """As `_read_at`. Raises RasterioError, and Cancelled where the job was stopped."""
        go_on()
        every = self._bands[path]
        if len(every) == len(bands) or place.width * place.height > _SIDE**2:
            return _read_at(self.dataset(path), bands, place, self.nodata(path))
        key = (path, place)
        if key not in self._read:
            self._read[key] = _read_at(self.dataset(path), every, place, self.nodata(path))
        there = self._read[key]
        return None if there is None else there[[bisect_left(every, band) for band in bands]]


def _look(acquisition: Acquisition, files: _Samples) -> _Look:
    frame, mixed = acquisition.geobox, 0
    if max(frame.shape) <= _SIDE:
        parts = [frame]
    elif files.dataset(acquisition.bands[0].path).driver.startswith("JP2") and min(frame.shape) > _TILE:
        middle = Window((frame.width - _TILE) // 2, (frame.height - _TILE) // 2, _TILE, _TILE)
        thinned = replace(frame.crop(middle), shape=(_TILE // _FINER, _TILE // _FINER))
        parts, mixed = [replace(thinned, transform=thinned.transform * Affine.scale(_FINER))], _MIXED
    else:
        parts = [frame.crop(window) for window in spread_windows(frame.width, frame.height, _SAMPLES, _SAMPLE)]
    pixels = _read(acquisition, parts, files, mixed)
    if not pixels.size and len(parts) > 1:
        rows, columns = (min(side, _THINNED) for side in frame.shape)
        whole = frame.transform * Affine.scale(frame.width / columns, frame.height / rows)
        pixels = _read(acquisition, [replace(frame, transform=whole, shape=(rows, columns))], files, _MIXED)
    return _Look(acquisition, pixels)


def _read(acquisition: Acquisition, parts: Iterable[GeoBox], files: _Samples, mixed: int) -> np.ndarray:
    """Pixels in parts of the acquisition's geobox, without those that miss a band, (bands, pixels).

    Bands of other pixel sizes are read at the same places, thinned or repeated and not warped: a sample needs no more.
    mixed: how many pixels around those without data hold a part of them.
    """
    by_path: dict[str, list[int]] = {}
    for index, source in enumerate(acquisition.bands):
        by_path.setdefault(source.path, []).append(index)
    read = []
    for part in parts:
        pixels = np.full((len(acquisition.bands), *part.shape), np.nan, np.float32)
        for path, indices in by_path.items():
            try:
                bands = [acquisition.bands[index].band for index in indices]
                there = files.read(path, bands, part)
            except RasterioError as error:
                raise unreadable(acquisition.name, error) from None
            if there is not None:
                pixels[indices] = there
        pixels[pixels == np.float32(acquisition.nodata if acquisition.nodata is not None else np.nan)] = np.nan
        missing = _grown(np.asarray(~np.isfinite(pixels).all(axis=0)), mixed)
        read.append(pixels[:, ~missing])
    return np.concatenate(read, axis=1)


def _grown(missing: np.ndarray, by: int) -> np.ndarray:
    """Places (rows, columns) that lie at most so many pixels beside one of `missing`."""
    rows, columns = missing.shape
    padded = np.pad(missing, by)
    steps = [(down, across) for down in range(2 * by + 1) for across in range(2 * by + 1)]
    return np.logical_or.reduce([padded[down : down + rows, across : across + columns] for down, across in steps])


def _read_at(
    dataset: DatasetReader, bands: list[int], place: GeoBox, nodatavals: Sequence[float | None]
) -> np.ndarray | None:
    """Bands at a place in the dataset's CRS, float32 (bands, rows, columns), NaN for nodata; None without any pixel.

    nodatavals: of all bands of the dataset.
    """
    left, bottom, right, top = place.bounds
    corners = [~dataset.transform * corner for corner in ((left, top), (right, bottom))]
    (first, last), (upper, lower) = (sorted(each) for each in zip(*corners))
    around = Window.between(math.floor(first), math.floor(upper), math.ceil(last), math.ceil(lower))
    window = around.intersection(Window(0, 0, dataset.width, dataset.height))
    if window is None:
        return None
    shape = (len(bands), *place.shape)
    pixels = dataset.read(bands, window=rasterio.windows.Window(*window), out_shape=shape, out_dtype=np.float32)
    for layer, band in zip(pixels, bands):
        nodata = nodatavals[band - 1]
        if nodata is not None:
            layer[layer == np.float32(nodata)] = np.nan
    return pixels


def _with_fills(looks: list[_Look], files: _Samples, warn: Warn) -> list[_Look]:
    """With the fills taken for nodata that no raster declares: a strange number, or 0 in all bands of floats."""
    unstated = [look for look in looks if not look.acquisition.scale_stated]
    fills = sorted({fill for fill in _FILLS for look in unstated if (look.pixels == fill).any()})
    if fills:
        warn(notice("undeclared_nodata", values=fills))
    result = []
    for look in counted(looks, _reading):
        own = next((fill for fill in fills if (look.pixels == fill).any()), None)
        if own is None and fills and _can_be_negative(look, files):  # elsewhere than in the samples
            own = fills[0]
        if own is None and look.pixels.size and (look.pixels == 0).all(axis=0).any():
            own = 0.0
        result.append(look if own is None else _look(replace(look.acquisition, nodata=own), files))
    return result


def _can_be_negative(look: _Look, files: OpenFiles) -> bool:
    kind = np.dtype(files.dataset(look.acquisition.bands[0].path).dtypes[look.acquisition.bands[0].band - 1]).kind
    return kind in "if" and not (look.acquisition.nodata or 0) < 0


def _check_possible(looks: list[_Look], where: str) -> None:
    """Raises BadInput where the values of all acquisitions together cannot be reflectance in any scale known here."""
    negative = sum((look.summed() < 0).sum() for look in looks) / sum(look.pixels.size for look in looks)
    if negative > _NEGATIVE:
        raise BadInput(
            f"Of the values of {where}, {negative:.0%} are negative, which reflectance is not: give reflectance x "
            "10000, as Level-2A products have it."
        )
    unstated = [look for look in looks if not look.acquisition.scale_stated]
    if unstated and all(_whole(look) and look.pixels.max() <= _BYTE for look in unstated):
        most = max(look.pixels.max() for look in unstated)
        raise BadInput(
            f"The values of {where} are those of pictures of 8 bits (up to {most:g}): give reflectance x 10000, as "
            "Level-2A products have it."
        )


def _whole(look: _Look) -> bool:
    return bool((look.pixels == np.rint(look.pixels)).all())


def _with_scales(looks: list[_Look], where: str, warn: Warn) -> list[_Look]:
    """With the scale that values speak for: 0 to 1, percent, 0 to 65535."""
    result, percent = [], []
    for look in looks:
        acquisition = look.acquisition
        if not acquisition.scale_stated and not _whole(look):
            most = float(np.percentile(look.pixels, 99))
            if most <= _BRIGHTEST:
                acquisition = replace(acquisition, scale=REFLECTANCE)
            elif most <= _PERCENT:
                acquisition = replace(acquisition, scale=REFLECTANCE / 100)
                percent.append(acquisition.name)
            acquisition = _offset_kept(look.acquisition, acquisition)
        result.append(replace(look, acquisition=acquisition))
    if percent:
        warn(notice("percent_reflectance", names=_some(percent)))
    stretched = [look for look in result if not look.acquisition.scale_stated and look.acquisition.scale == 1]
    if stretched and _brighter_than_white(stretched):
        most = max(float(np.percentile(look.pixels, 99)) for look in stretched)
        if most > _SHORT:
            raise BadInput(
                f"The values of {where} reach {most:g}, more than reflectance x 10000 can: convert them first."
            )
        told = notice("stretched_reflectance", names=_some([look.acquisition.name for look in stretched]))
        warn(with_evidence(told, highest_value=most))
        result = [
            replace(look, acquisition=replace(look.acquisition, scale=REFLECTANCE / _SHORT))
            if look in stretched
            else look
            for look in result
        ]
    return result


def _offset_kept(before: Acquisition, after: Acquisition) -> Acquisition:
    """With the offset of digital numbers of the new scale: the one that a name says is of values x 10000."""
    return replace(after, offset=before.offset * before.scale / after.scale) if before.offset_basis == NAMED else after


def _brighter_than_white(looks: list[_Look]) -> bool:
    """Whether there are plants brighter than white, or no date that is darker than clouds."""
    for look in looks:
        red, infrared = look.reflectance()[[_RED, _NIR]]
        if ((infrared > REFLECTANCE) & (infrared > 2 * red)).mean() > _VEGETATION:
            return True
    return min(float(np.median(look.reflectance()[_NIR])) for look in looks) > _WHITE


def _with_offsets(looks: list[_Look], warn: Warn) -> list[_Look]:
    """With the offset of processing baseline 04.00 where pixels speak for it, and without it where they contradict."""
    converted = [
        look
        for look in looks
        if look.acquisition.offset_basis == NAMED
        and round(look.acquisition.offset * look.acquisition.scale) == OFFSET
        and look.darkest(_CLIPPED) < _CLIPPED_AT
    ]
    if converted:
        warn(notice("offset_already_off", names=_some([look.acquisition.name for look in converted])))
    unknown = [look for look in looks if look.acquisition.offset_basis == UNKNOWN]
    late = [look for look in unknown if look.acquisition.date >= SINCE]
    early = [look for look in unknown if look.acquisition.date < SINCE]
    shifted: list[_Look] = []
    for group in (late, early):
        if not group:
            continue
        darkest = min(look.darkest(_DARKEST) for look in group)
        dates = _dates(group)
        likely = darkest >= _DARK if group is late else _DARK <= darkest < _CLOUDS
        if likely and (group is late or len(dates) >= _ENOUGH):
            shifted += group
            told = notice("offset_taken_off", count=len(dates), first=dates[0], last=dates[-1])
            warn(with_evidence(told, darkest_percent_of_pixels=round(darkest)))
        elif likely:
            told = notice("offset_unclear", count=len(dates), first=dates[0], last=dates[-1])
            warn(with_evidence(told, darkest_percent_of_pixels=round(darkest)))
        elif group is late:
            told = notice("offset_not_in", count=len(dates), first=dates[0], last=dates[-1])
            warn(with_evidence(told, darkest_percent_of_pixels=round(darkest)))
    result = []
    for look in looks:
        offset = look.acquisition.offset
        if any(look is each for each in converted):
            offset = 0.0
        elif any(look is each for each in shifted):
            offset = OFFSET / look.acquisition.scale
        result.append(replace(look, acquisition=replace(look.acquisition, offset=offset)))
    return result


def _dates(looks: list[_Look]) -> list[str]:
    return sorted({look.acquisition.date for look in looks})


def _some(names: list[str]) -> list[str]:
    names = list(dict.fromkeys(names))
    return names if len(names) <= _NAMED else [*names[:_NAMED], "..."]
