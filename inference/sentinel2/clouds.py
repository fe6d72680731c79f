"""Which dates of a superpatch are too cloudy or snowy to be used: the rule that the published weights learnt by.

A date is dropped where the pixels under cloud and the pixels under snow, each counted on its own, together are half
of the superpatch or more; a pixel under both counts twice (IGNF/FLAIR-2, `filter_dates`).
"""

from __future__ import annotations

import numpy as np

THRESHOLD = 60  # probability in percent from which on a pixel counts as covered
LARGEST_SHARE = 0.5  # of the superpatch from which on its date is dropped

SCL_NO_DATA = 0
_SCL_CLOUDS = (3, 8, 9, 10)  # cloud shadow, cloud of medium and high probability, thin cirrus
_SCL_SNOW = 11


def cover(clouds: np.ndarray | None, snow: np.ndarray | None, classes: np.ndarray | None) -> np.ndarray | None:
    """How often each pixel counts as covered, uint8 (rows, columns): 0, 1, or 2 where under cloud and under snow.

    clouds, snow: probabilities 0..100 float32, NaN where unknown, which counts as clear, as does what no probability
    can be. classes: scene classification (SCL), which stands in for the one that is None. None where all three are.
    """
    given = [layer for layer in (clouds, snow, classes) if layer is not None]
    if not given:
        return None
    total = np.zeros(given[0].shape, np.uint8)
    for probability, values in ((clouds, _SCL_CLOUDS), (snow, (_SCL_SNOW,))):
        if probability is not None:
            total += (probability >= THRESHOLD) & (probability <= 100)
        elif classes is not None:
            total += np.isin(classes, values)
    return total


def rejected(covers: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """The dates that are dropped, (T,) bool.

    covers: (T, rows, columns) as `cover` gives it. missing: (T, rows, columns) bool, pixels that a date does not
    have; shares are of those that it has.
    """
    counted = np.where(missing, 0, covers).sum(axis=(1, 2))
    known = (~missing).sum(axis=(1, 2))
    return counted >= LARGEST_SHARE * np.maximum(known, 1)
