"""What a superpatch takes where the series ends: the reflection of what is there."""

from __future__ import annotations

import numpy as np


def fill_by_reflection(pixels: np.ndarray) -> np.ndarray:
    """Fills the NaN of each layer, in place, by reflecting the largest rectangle of pixels that holds none.

    pixels: (..., bands, rows, columns) float32, NaN in all bands of a pixel or in none, and not everywhere. Where
    the pixels that are there are a rectangle, as at the straight edge of a series, this is numpy's
    ``pad(mode="reflect")``; single missing pixels elsewhere take the value that the same reflection has there.
    """
    layers = pixels.reshape(-1, *pixels.shape[-3:])
    missing = np.isnan(layers[:, 0])
    plans: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
    for layer, gaps in zip(layers, missing):
        if not gaps.any():
            continue
        shape = gaps.tobytes()
        if shape not in plans:
            plans[shape] = _origin(gaps)
        rows, columns = plans[shape]
        layer[:, gaps] = layer[:, rows, :][:, :, columns][:, gaps]
    return pixels


def _origin(gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row and each column of the whole, the one of the rectangle that it reflects."""
    top, left, bottom, right = largest_rectangle(~gaps)
    rows = np.pad(np.arange(top, bottom), (top, gaps.shape[0] - bottom), mode="reflect")
    columns = np.pad(np.arange(left, right), (left, gaps.shape[1] - right), mode="reflect")
    return rows, columns


def largest_rectangle(there: np.ndarray) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of the largest rectangle of True, the ends not included; (0, 0, 0, 0) without any."""
    best, area = (0, 0, 0, 0), 0
    heights = np.zeros(there.shape[1] + 1, int)  # the last column stays 0, so that every rectangle ends
    for bottom, row in enumerate(there, start=1):
        heights[:-1] = np.where(row, heights[:-1] + 1, 0)
        open_since: list[tuple[int, int]] = []  # (first column, height), rising
        for column, height in enumerate(heights.tolist()):
            start = column
            while open_since and open_since[-1][1] >= height:
                start, tall = open_since.pop()
                if tall * (column - start) > area:
                    area = tall * (column - start)
                    best = (bottom - tall, start, bottom, column)
            open_since.append((start, height))
    return best
