"""Band-limited noise in plain numpy, for textures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def _spline_weights(length: int, cell: float, shift: float) -> tuple[np.ndarray, int]:
    """Uniform cubic B-spline weights (length, knots) of knots `cell` samples apart, and the number of knots."""
    position = np.arange(length) / cell + shift
    first = np.floor(position).astype(int)
    t = position - first
    knots = int(first[-1]) + 4
    weights = np.zeros((length, knots), np.float32)
    rows = np.arange(length)
    weights[rows, first] = (1 - t) ** 3 / 6
    weights[rows, first + 1] = (3 * t**3 - 6 * t**2 + 4) / 6
    weights[rows, first + 2] = (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6
    weights[rows, first + 3] = t**3 / 6
    return weights, knots


def smooth_noise(rng: np.random.Generator, shape: Sequence[int], cell: float) -> np.ndarray:
    """Gaussian noise without detail finer than about `cell` pixels: float32 of `shape`, mean 0, variance near 1."""
    shift_rows, shift_columns = rng.random(2)
    rows, row_knots = _spline_weights(shape[0], cell, float(shift_rows))
    columns, column_knots = _spline_weights(shape[1], cell, float(shift_columns))
    knots = rng.standard_normal((row_knots, column_knots), dtype=np.float32)
    # 151 / 315 is the integral of the squared cubic B-spline: each side scales the variance by it, so both
    # together scale the standard deviation by it.
    return (rows @ knots @ columns.T) / np.float32(151 / 315)


def line_noise(rng: np.random.Generator, position: np.ndarray, cell: float) -> np.ndarray:
    """Noise along one axis: `position` of any shape, knots `cell` apart; float32, mean 0, variance below 1."""
    knots = rng.standard_normal(1024)
    return np.interp((position / cell) % 1024, np.arange(1024), knots).astype(np.float32)


def blur(values: np.ndarray, rounds: int = 1) -> np.ndarray:
    """Repeated 1-2-1 smoothing over the last two axes, edges kept; float32 of the same shape."""
    values = values.astype(np.float32)
    for _ in range(rounds):
        for axis in (-2, -1):
            before = np.concatenate([np.take(values, [0], axis), np.delete(values, -1, axis)], axis)
            after = np.concatenate([np.delete(values, 0, axis), np.take(values, [-1], axis)], axis)
            values = 0.25 * before + 0.5 * values + 0.25 * after
    return values
