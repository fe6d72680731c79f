"""The pictures of finished blocks."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from rasterio.io import MemoryFile

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.inference.raster.pictures import BlockPictures, png

PLACE = Affine(0.2, 0, 652000, 0, -0.2, 6862000)
COLOURS = {(0, 0, 0, 0): 0, **{(*c.rgb, 255): c.value for c in FLAIR_CLASSES}}


def decoded(picture: bytes) -> tuple[np.ndarray, dict]:
    """Values (rows, columns) and colours of a PNG."""
    with MemoryFile(picture) as file, file.open() as dataset:
        assert dataset.driver == "PNG"
        return dataset.read(1), dataset.colormap(1)


def labels_of(picture: bytes) -> np.ndarray:
    """The labels (rows, columns) whose colours a picture shows."""
    values, colours = decoded(picture)
    labels = {value: COLOURS[colour] for value, colour in colours.items()}
    return np.vectorize(labels.get)(values)


def some_labels(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 14, (rows, columns)).astype(np.uint8)


def test_a_small_block_is_shown_pixel_by_pixel_in_the_colours_of_the_legend():
    labels = some_labels(90, 130)
    transform, picture = BlockPictures(130, 90, 256, FLAIR_CLASSES).picture(labels, PLACE)
    assert transform == tuple(PLACE)[:6]
    np.testing.assert_array_equal(labels_of(picture), labels)


def test_nodata_is_transparent_and_nothing_else_is():
    _, colours = decoded(BlockPictures(20, 20, 256, FLAIR_CLASSES).picture(some_labels(20, 20), PLACE)[1])
    assert [value for value, colour in colours.items() if colour[3] < 255] == [0]
    assert colours[0][3] == 0


@pytest.mark.parametrize(("rows", "columns"), [(416, 512), (511, 1), (3, 257)])
@pytest.mark.parametrize("place", [PLACE, PLACE * Affine.rotation(30), Affine(0.2, 0, 0, 0, 0.2, 0)])
def test_a_thinned_picture_covers_the_block_and_shows_the_label_at_each_pixels_centre(rows, columns, place):
    labels = some_labels(rows, columns)
    transform, picture = BlockPictures(columns, rows, 512, FLAIR_CLASSES).picture(labels, place)
    shown = labels_of(picture)
    assert max(shown.shape) <= 256
    placed = Affine(*transform)
    assert (placed * shown.shape[::-1]) == pytest.approx(place * (columns, rows))
    for row in range(shown.shape[0]):
        for column in range(0, shown.shape[1], 7):
            x, y = ~place * (placed * (column + 0.5, row + 0.5))
            # the centre may lie on the line between two pixels
            near = labels[int(y - 1e-6) : int(y + 1e-6) + 1, int(x - 1e-6) : int(x + 1e-6) + 1]
            assert shown[row, column] in near


def test_all_pictures_of_a_large_map_together_stay_below_16_million_pixels():
    side = 100_000
    pictures = BlockPictures(side, side, 512, FLAIR_CLASSES)
    shown = labels_of(pictures.picture(some_labels(416, 416), PLACE)[1])
    assert shown.size * (side / 416) ** 2 < 1.1 * 16_000_000
    assert shown.size > 100


def test_a_grey_picture_has_its_shades_and_no_data():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    with MemoryFile(png(pixels, PLACE)) as file, file.open() as dataset:
        np.testing.assert_array_equal(dataset.read(1), pixels)
        assert dataset.count == 1 and dataset.nodata == 0
