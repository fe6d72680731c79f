"""Which dates of a superpatch are too cloudy or snowy to be used: the rules that the published weights learnt by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SCL_NO_DATA = 0
_SCL_CLOUDS = (3, 8, 9, 10)  # cloud shadow, cloud of medium and high probability, thin cirrus
_SCL_SNOW = 11


@dataclass(frozen=True)
class CloudRule:
    """When a date is dropped.

    threshold: probability in percent from which on a pixel counts as covered. twice: whether a pixel under cloud and
    under snow counts twice. largest_share: of the superpatch's pixels that may be covered. share_kept: whether a date
    that is covered to just that share is kept.
    """

    threshold: float
    twice: bool
    largest_share: float
    share_kept: bool

    def drops(self, counted: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Whether places are too much covered, bool, of how many of their known pixels are covered, numbers alike."""
        most = self.largest_share * np.maximum(known, 1)
        return counted > most if self.share_kept else counted >= most


RULES = {
    # Pixels under cloud and pixels under snow, each counted on its own, are half or more (IGNF/FLAIR-2,
    # `filter_dates`).
    "flair2": CloudRule(threshold=60, twice=True, largest_share=0.5, share_kept=False),
    # Pixels where either probability is above 1, and so 2 or more as they are whole percents, are more than a
    # twentieth (IGNF/FLAIR-HUB, `filter_time_series`).
    "flairhub": CloudRule(threshold=2, twice=False, largest_share=0.05, share_kept=True),
}
FLAIR_2 = RULES["flair2"]


def cover(
    clouds: np.ndarray | None, snow: np.ndarray | None, classes: np.ndarray | None, rule: CloudRule = FLAIR_2
) -> np.ndarray | None:
    """How often each pixel counts as covered, uint8 (rows, columns): 0, 1, or 2 where under cloud and under snow.

    clouds, snow: probabilities 0..100 float32, NaN where unknown, which counts as clear, as does what no probability
    can be. classes: scene classification (SCL), which stands in for the one that is None. None where all three are.
    A rule by which no pixel counts twice gives 1 at most.
    """
    given = [layer for layer in (clouds, snow, classes) if layer is not None]
    if not given:
        return None
    total = np.zeros(given[0].shape, np.uint8)
    for probability, values in ((clouds, _SCL_CLOUDS), (snow, (_SCL_SNOW,))):
        if probability is not None:
            total += (probability >= rule.threshold) & (probability <= 100)
        elif classes is not None:
            total += np.isin(classes, values)
    return total if rule.twice else np.minimum(total, 1)


def rejected(covers: np.ndarray, missing: np.ndarray, rule: CloudRule = FLAIR_2) -> np.ndarray:
    """The dates that are dropped, (T,) bool.

    covers: (T, rows, columns) as `cover` gives it. missing: (T, rows, columns) bool, pixels that a date does not
    have; shares are of those that it has.
    """
    return rule.drops(*_counts(covers, missing))


def clearest(covers: np.ndarray, missing: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Of the dates `among`, (T,) bool, those that are covered least, (T,) bool; the others are as in `rejected`."""
    counted, known = _counts(covers, missing)
    shares = np.where(among, counted / np.maximum(known, 1), np.inf)
    return among & (shares == shares.min())


def _counts(covers: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many pixels of each date are covered, and how many it has, both (T,)."""
    return np.where(missing, 0, covers).sum(axis=(1, 2)), (~missing).sum(axis=(1, 2))
