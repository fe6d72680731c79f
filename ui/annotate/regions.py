"""The connected region of one label around a pixel, and its outline.

The outline is GDAL's. The region is found here, without a loop over pixels: GDAL would have to outline every part of
the window to find the one that was clicked (Polygonize), and paint it again to cut it to its largest size. On a real
map of 2048 x 2048 pixels, the largest window, that takes 0.45 s of a processor where a region is cut; this takes 0.1,
the outline included. Both give the same polygons, all of them valid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from osgeo import gdal, ogr
from qgis.core import QgsGeometry, QgsRectangle

_SMOOTHED = 3  # pixels a side over which confidence is averaged: single pixels would leave the region full of pinholes
# GDAL's driver for vectors in memory: the one for rasters is for both since 3.11.
_VECTORS = "MEM" if gdal.VersionInfo() >= "3110000" else "Memory"


@dataclass(frozen=True)
class Region:
    """mask: (rows, columns), bool, one 4-connected piece. cut: whether it goes on beyond the largest size."""

    mask: np.ndarray
    cut: bool


def region_at(
    labels: np.ndarray,
    seed: tuple[int, int],
    max_pixels: int,
    confidence: np.ndarray | None = None,
    threshold: float = 0,
    least_hole: int = 0,
) -> Region:
    """The pixels of the seed's label that hang together with it by their sides.

    labels: (rows, columns), any integers. seed: row and column. max_pixels: where the region has more, those
    nearest to the seed are taken. confidence: (rows, columns), percent; where it crosses `threshold` the region
    ends. A click on a sure pixel gives what is sure, one on an unsure pixel what is unsure: a wrong patch is often
    the part that the network doubts. least_hole: holes of fewer pixels belong to the region.
    """
    mask = labels == labels[seed]
    if confidence is not None and threshold > 0:
        sure = _smoothed(confidence) >= threshold
        mask &= sure == sure[seed]
    mask = filled(connected(mask, seed), least_hole)
    if np.count_nonzero(mask) <= max_pixels:
        return Region(mask, _touches_border(mask))
    rows, columns = np.nonzero(mask)
    distances = (rows - seed[0]) ** 2 + (columns - seed[1]) ** 2
    # All at one distance, or none of them: the edge of the cut is a circle. The seed alone is at 0.
    reach = max(1, np.partition(distances, max_pixels)[max_pixels])
    near = distances < reach
    mask = np.zeros_like(mask)
    mask[rows[near], columns[near]] = True
    return Region(connected(mask, seed), True)


def polygon_of(mask: np.ndarray, extent: QgsRectangle) -> QgsGeometry:
    """A valid polygon that covers exactly the pixels of one 4-connected mask, with corners where it turns alone.

    mask: (rows, columns), bool. extent: of the mask, its upper left corner at the smallest x and largest y.
    """
    rows, columns = mask.shape
    raster = gdal.GetDriverByName("MEM").Create("", columns, rows)
    raster.SetGeoTransform(
        (extent.xMinimum(), extent.width() / columns, 0, extent.yMaximum(), 0, -extent.height() / rows)
    )
    band = raster.GetRasterBand(1)
    band.WriteRaster(0, 0, columns, rows, mask.tobytes())
    vector = gdal.GetDriverByName(_VECTORS).Create("", 0, 0, 0, gdal.GDT_Unknown)
    layer = vector.CreateLayer("", None, ogr.wkbPolygon)
    gdal.Polygonize(band, band, layer, -1)
    feature = layer.GetNextFeature()  # kept: its geometry goes with it
    polygon = QgsGeometry()
    polygon.fromWkb(bytes(feature.GetGeometryRef().ExportToWkb()))
    return polygon


def connected(mask: np.ndarray, seed: tuple[int, int]) -> np.ndarray:
    """Of a mask (rows, columns, bool) the 4-connected part that holds the seed, which is True in it."""
    runs = _joined_runs(mask)
    run = np.searchsorted(runs.starts, seed[0] * runs.stride + seed[1], side="right") - 1
    return runs.drawn(runs.part == runs.part[run])


def filled(mask: np.ndarray, least: int) -> np.ndarray:
    """The mask (rows, columns, bool) with its holes of fewer than `least` pixels; what reaches the border is none."""
    if least <= 1:
        return mask
    runs = _joined_runs(~mask)
    sizes = np.bincount(runs.part, weights=runs.ends - runs.starts, minlength=len(runs.part))
    column = runs.starts % runs.stride, runs.ends % runs.stride
    row = runs.starts // runs.stride
    outside = (row == 0) | (row == len(mask) - 1) | (column[0] == 0) | (column[1] == runs.stride - 1)
    small = sizes < least
    small[runs.part[outside]] = False
    return mask | runs.drawn(small[runs.part])


@dataclass(frozen=True)
class _Runs:
    """The runs of True in the rows of a mask.

    shape: of the mask. starts, ends: row * stride + column, from and up to. part: number of each run's connected
    part: that of one of its runs.
    """

    shape: tuple[int, int]
    starts: np.ndarray
    ends: np.ndarray
    part: np.ndarray

    @property
    def stride(self) -> int:
        """One more than a row: the end of a run is never the start of the next row's."""
        return self.shape[1] + 1

    def drawn(self, chosen: np.ndarray) -> np.ndarray:
        """A mask of some runs; chosen: bool, one for each run."""
        rows, columns = self.shape
        steps = np.zeros(rows * self.stride, np.int8)
        steps[self.starts[chosen]] = 1
        steps[self.ends[chosen]] = -1
        return np.cumsum(steps, dtype=np.int8).reshape(rows, self.stride)[:, :columns].astype(bool)


def _joined_runs(mask: np.ndarray) -> _Runs:
    """The runs of a mask and their 4-connected parts.

    Trees of runs that touch in neighbouring rows are merged root to root and flattened, which takes a number of
    rounds that grows with the logarithm of the number of runs (after Shiloach and Vishkin, An O(log n) parallel
    connectivity algorithm, 1982).
    """
    rows, columns = mask.shape
    steps = np.zeros((rows, columns + 2), np.int8)
    steps[:, 1:-1] = mask
    steps = np.diff(steps, axis=1).ravel()  # 1 where a run starts, -1 behind its end
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    upper, lower = _touching(starts, ends, columns + 1)
    root = np.arange(len(starts))
    while len(upper):
        one, two = root[upper], root[lower]
        apart = one != two
        upper, lower, one, two = upper[apart], lower[apart], one[apart], two[apart]
        root[np.maximum(one, two)] = np.minimum(one, two)
        while True:
            flat = root[root]
            if np.array_equal(flat, root):
                break
            root = flat
    return _Runs((rows, columns), starts, ends, root)


def _touching(starts: np.ndarray, ends: np.ndarray, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of runs (indices) that share a column in neighbouring rows: the upper ones and the lower ones."""
    first = np.searchsorted(ends, starts + stride, side="right")
    last = np.searchsorted(starts, ends + stride, side="left")
    counts = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(starts)), counts)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return upper, np.repeat(first, counts) + np.arange(len(upper)) - before


def _smoothed(confidence: np.ndarray) -> np.ndarray:
    """The mean of each pixel's surroundings; beyond the border the border's own values count."""
    margin = _SMOOTHED // 2
    padded = np.pad(confidence.astype(np.float32), margin, mode="edge")
    rows, columns = confidence.shape
    total = np.zeros((rows, columns), np.float32)
    for down in range(_SMOOTHED):
        for right in range(_SMOOTHED):
            total += padded[down : down + rows, right : right + columns]
    return total / _SMOOTHED**2


def _touches_border(mask: np.ndarray) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())
