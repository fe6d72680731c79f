"""What the sample of an image shows of each band, on the 8 bits that a network is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .sample import Sample


@dataclass(frozen=True)
class Histogram:
    """A band's valid pixels in digital numbers of 8 bits.

    mean: of them. percentiles: the 2nd, 50th and 98th. picture: a stretch of it, a PNG in base64.
    """

    mean: float
    percentiles: tuple[float, float, float]
    picture: str


def histogram_of(sample: Sample, number: int, limits: tuple[float, float] | None) -> Histogram | None:
    """The histogram of a band, None where it has no data.

    limits: the values that become 0 and 255; None where the band has 8 bits already.
    """
    values = sample.values(number).astype(np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, high = limits or (0.0, 255.0)
    scaled = np.clip((values - low) * 255 / (high - low), 0, 255)
    first, middle, last = np.percentile(scaled, [2, 50, 98])
    fullest = int(sample.valid.sum(axis=(1, 2)).argmax())
    return Histogram(float(scaled.mean()), (float(first), float(middle), float(last)), sample.picture(number, fullest))
