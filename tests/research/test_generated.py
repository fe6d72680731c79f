from __future__ import annotations

from dataclasses import replace

import numpy as np

from flair_landcover.inference.sentinel2.means import monthly_means
from flair_landcover.research.generated import days_to_may, with_series_of_its_labels
from flair_landcover.research.labels import CODES
from flair_landcover.research.scenes.seasons import DATES


def test_training_counts_days_as_the_engine_does():
    _, days = monthly_means(np.ones((12, 10, 2, 2), np.float32), DATES)
    assert days_to_may().tolist() == days.tolist()
    assert days[0] > 0 > days[11]


def vegetation_index(series: np.ndarray) -> np.ndarray:
    """Of July, (40, 40)."""
    red, nir = series[6, 2], series[6, 6]
    return (nir - red) / (nir + red)


def test_the_series_of_a_scene_lies_under_its_image(scene):
    assert scene.series.shape == (12, 10, 40, 40)
    bare = np.isin(scene.codes, [CODES[name] for name in ("building", "impervious surface", "pervious surface")])
    share = bare[:500, :500].reshape(10, 50, 10, 50).mean((1, 3))
    index = vegetation_index(scene.series)[15:25, 15:25]
    assert index[share < 0.05].mean() > index[share > 0.5].mean() + 0.1


def test_a_series_made_from_labels_lies_where_they_are(halves):
    image = replace(halves, codes=np.kron(halves.codes, np.ones((6, 6), np.uint8))[:512, :512])
    index = vegetation_index(with_series_of_its_labels(image, 1).series)[15:25, 15:25]
    assert (index[:, :4] < 0.1).all()
    assert (index[:, 6:] > 0.5).all()


def test_a_series_made_from_labels_is_the_same_again(halves):
    first, second = (with_series_of_its_labels(halves, 1).series for _ in range(2))
    assert np.array_equal(first, second)
