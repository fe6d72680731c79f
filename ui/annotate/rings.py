"""The outline of a mask as rings along the edges of its pixels."""

from __future__ import annotations

import numpy as np
from qgis.core import QgsGeometry, QgsLineString, QgsPolygon, QgsRectangle


def polygon_of(mask: np.ndarray, extent: QgsRectangle) -> QgsGeometry:
    """A valid polygon that covers exactly the pixels of one 4-connected mask.

    mask: (rows, columns), bool. extent: of the mask, its upper left corner at the smallest x and largest y.
    """
    rows, columns = mask.shape
    width, height = extent.width() / columns, extent.height() / rows
    outer, *holes = (_line(ring, extent, width, height) for ring in rings_of(mask))
    polygon = QgsPolygon(outer)
    for hole in holes:
        polygon.addInteriorRing(hole)
    return QgsGeometry(polygon)


def rings_of(mask: np.ndarray) -> list[np.ndarray]:
    """Closed rings (n, 2) of pixel corners as column and row, the outer one first, without corners on straight lines.

    mask: (rows, columns), bool, one 4-connected piece.
    Where two of the mask's pixels touch by a corner only, rings pass between the pixels that are not in it. As the
    piece hangs together by sides, no ring passes there twice: rings are simple, touch each other in single points
    at most, and make a valid polygon.
    """
    rows, columns, left, up = _corners(mask)
    across = _partners(np.lexsort((~left, columns, rows)))
    along = _partners(np.lexsort((~up, rows, columns)))
    order, starts = _followed(across.tolist(), along.tolist())
    points = np.column_stack((columns[order], rows[order]))
    ends = [*starts[1:], len(points)]
    rings = [points[[*range(start, end), start]] for start, end in zip(starts, ends)]
    outer = int(np.argmax(_areas(points, starts)))
    return [rings.pop(outer), *rings]


def _corners(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The outline's corners: row, column, whether its level edge goes left, whether its upright edge goes up.

    A point where four edges meet is two corners.
    """
    padded = np.pad(mask, 1)
    nw, ne, sw, se = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    up, down, left, right = nw != ne, sw != se, nw != sw, ne != se
    rows, columns = np.nonzero((up ^ down) & (left ^ right))
    crossing_rows, crossing_columns = np.nonzero(up & down & left & right)
    # Round the upper pixel that is not in the mask: up and right where that is the right one, else up and left.
    upper_left = ~nw[crossing_rows, crossing_columns]
    return (
        np.concatenate((rows, crossing_rows, crossing_rows)),
        np.concatenate((columns, crossing_columns, crossing_columns)),
        np.concatenate((left[rows, columns], upper_left, ~upper_left)),
        np.concatenate((up[rows, columns], np.ones_like(upper_left), np.zeros_like(upper_left))),
    )


def _partners(order: np.ndarray) -> np.ndarray:
    """For each corner the other end of its edge; order: of corners along the edges, so that they come in pairs."""
    partner = np.empty_like(order)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    return partner


def _followed(across: list[int], along: list[int]) -> tuple[list[int], list[int]]:
    """All corners ring after ring, by turns over level and upright edges; and where each ring starts."""
    unseen = bytearray(b"\x01") * len(across)
    order: list[int] = []
    starts: list[int] = []
    for first in range(len(across)):
        if not unseen[first]:
            continue
        starts.append(len(order))
        corner = first
        while unseen[corner]:
            beside = across[corner]
            unseen[corner] = unseen[beside] = 0
            order += (corner, beside)
            corner = along[beside]
    return order, starts


def _areas(points: np.ndarray, starts: list[int]) -> np.ndarray:
    """Pixels inside each ring, by the shoelace formula; points: (n, 2), ring after ring."""
    following = np.arange(1, len(points) + 1)
    following[[*(start - 1 for start in starts[1:]), -1]] = starts
    x, y = points[:, 0].astype(np.int64), points[:, 1].astype(np.int64)
    return np.abs(np.add.reduceat(x * y[following] - x[following] * y, starts)) // 2


def _line(ring: np.ndarray, extent: QgsRectangle, width: float, height: float) -> QgsLineString:
    xs, ys = extent.xMinimum() + ring[:, 0] * width, extent.yMaximum() - ring[:, 1] * height
    return QgsLineString(xs.tolist(), ys.tolist())
