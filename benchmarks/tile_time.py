"""Seconds that the network takes for a tile, with and without Sentinel-2, in each precision of this device.

``python benchmarks/tile_time.py [MODEL]``
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np

from flair_landcover.inference.backends.backend import open_backend
from flair_landcover.models.library import find_model

_REPEATS = 7


def main(model: str) -> None:
    """Prints one line a precision."""
    draw = np.random.default_rng(0)
    for precision in ("fp32", "bf16"):
        backend = open_backend(find_model(model), "auto", precision)
        batch, size = backend.batch_size, backend.card.tile_size
        aerial = draw.random((batch, len(backend.card.inputs), size, size), np.float32)
        months = (draw.random((batch, 12, 10, 40, 40), np.float32) * 5000, np.zeros((batch, 12), np.float32))
        seconds = {}
        for name, series in (("aerial alone", None), ("with 12 months of Sentinel-2", months)):
            backend.logits(aerial, series)
            times = []
            for _ in range(_REPEATS):
                start = time.perf_counter()
                backend.logits(aerial, series)
                times.append((time.perf_counter() - start) / batch)
            seconds[name] = statistics.median(times)
        print(backend.device, precision, *(f"{name} {value:.3f} s," for name, value in seconds.items()), "a tile")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "bundled")
