"""The sample village and the scenes beside it: files as promised, the same every time, and plausible to a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.transform import rowcol
from rasterio.warp import transform, transform_bounds

from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.research.scenes import seasons, village
from flair_landcover.research.scenes.aerial import APPEARANCES, MEASURED
from flair_landcover.research.scenes.layout import centred, touched
from flair_landcover.research.scenes.noise import smooth_noise
from flair_landcover.research.scenes.plan import CLASS_OF_COVER, BentFrame, Cover
from flair_landcover.research.scenes.scene import draw_scene, draw_sentinel2

BUILDING, IMPERVIOUS, WATER, CONIFEROUS, PLOWED = 1, 3, 5, 6, 12


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return village.make_village(tmp_path_factory.mktemp("village") / "new folder", size=512)


@pytest.fixture(scope="module")
def truth(files):
    with rasterio.open(files.truth) as source:
        return source.read(1)


@pytest.fixture(scope="module")
def aerial(files):
    with rasterio.open(files.aerial) as source:
        return source.read().astype(np.float32)


def test_aerial_raster_is_a_flair_picture(files):
    with rasterio.open(files.aerial) as source:
        assert (source.count, source.width, source.height) == (5, 512, 512)
        assert set(source.dtypes) == {"uint8"}
        assert source.crs.to_epsg() == 2154
        assert source.res == pytest.approx((0.2, 0.2))
        assert source.descriptions == ("red", "green", "blue", "nir", "elevation")
        assert source.colorinterp[:3] == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
        assert source.profile["tiled"] and source.profile["compress"] == "deflate"


def test_truth_lies_on_the_aerial_grid_and_carries_the_colours_of_the_nomenclature(files):
    with rasterio.open(files.aerial) as picture, rasterio.open(files.truth) as source:
        assert source.transform == picture.transform and source.shape == picture.shape and source.crs == picture.crs
        assert source.nodata == 0 and source.dtypes == ("uint8",)
        table = source.colormap(1)
    assert {entry.value: table[entry.value][:3] for entry in FLAIR_CLASSES} == {c.value: c.rgb for c in FLAIR_CLASSES}


def test_all_thirteen_classes_occur_and_nothing_else(truth):
    values, counts = np.unique(truth, return_counts=True)
    assert values.tolist() == list(range(1, 14))
    assert counts.min() > 0.5 * village.RAREST * truth.size


def test_sentinel2_series_covers_the_picture_and_its_margin_in_another_crs(files):
    with rasterio.open(files.aerial) as picture:
        inner, crs = picture.bounds, picture.crs
    with rasterio.open(files.sentinel2) as source:
        assert source.count == 120 and set(source.dtypes) == {"uint16"}
        assert source.res == (10, 10) and source.crs != crs and source.crs.is_projected
        assert source.descriptions[:2] == ("2021-01-15 B2", "2021-01-15 B3")
        assert source.descriptions[-1] == "2021-12-15 B12"
        outer = transform_bounds(
            crs, source.crs, inner.left - 250, inner.bottom - 250, inner.right + 250, inner.top + 250
        )
        assert source.bounds.left <= outer[0] and source.bounds.bottom <= outer[1]
        assert source.bounds.right >= outer[2] and source.bounds.top >= outer[3]
        values = source.read()
    assert values.min() >= 1 and values.max() <= 10000


def test_the_year_is_a_folder_of_dates_with_masks_on_the_ground_of_the_stacked_series(files):
    stems = sorted(path.stem for path in files.year.iterdir() if "_" not in path.stem)
    assert len(stems) == 25 and all(stem.startswith("2021") and len(stem) == 8 for stem in stems)
    with rasterio.open(files.sentinel2) as stacked:
        for stem in stems:
            with rasterio.open(files.year / f"{stem}.tif") as source:
                assert source.descriptions == seasons.BANDS and set(source.dtypes) == {"uint16"}
                assert (source.crs, source.bounds, source.res) == (stacked.crs, stacked.bounds, (10, 10))
            for mask in ("clouds", "snow"):
                with rasterio.open(files.year / f"{stem}_{mask}.tif") as source:
                    assert source.count == 1 and source.dtypes == ("uint8",) and source.res == (20, 20)
                    assert (source.crs, source.bounds) == (stacked.crs, stacked.bounds)
                    assert source.read().max() <= 100


def test_clear_dates_of_the_year_show_what_the_stacked_series_shows(files):
    """Greenness of a cloudless day in summer, pixel by pixel, against that of the month's middle."""

    def ndvi(red, infrared):
        return (infrared - red) / (infrared + red)

    with rasterio.open(files.sentinel2) as source:
        months = source.read().astype(float).reshape(12, 10, *source.shape)
    clear = []
    for path in files.year.glob("20210[678]??.tif"):
        with rasterio.open(path.with_name(f"{path.stem}_clouds.tif")) as source:
            if source.read().max() == 0:
                clear.append(path)
    assert clear
    for path in clear:
        with rasterio.open(path) as source:
            seen = source.read().astype(float)
        expected = months[int(path.stem[4:6]) - 1]
        assert np.corrcoef(ndvi(seen[2], seen[6]).ravel(), ndvi(expected[2], expected[6]).ravel())[0, 1] > 0.8


def test_satellite_and_aerial_show_the_same_ground(files, aerial):
    """Greenness in July, seen from both, agrees pixel by pixel; shifted by 60 m it does not."""
    with rasterio.open(files.sentinel2) as source, rasterio.open(files.aerial) as picture:
        july = 6 * 10
        red, infrared = source.read([july + 3, july + 7]).astype(float)
        ndvi = (infrared - red) / (infrared + red)
        size = 50  # aerial pixels of a satellite pixel
        middles = np.arange(size // 2, 512, size)
        rows, columns = (index.ravel() for index in np.meshgrid(middles, middles, indexing="ij"))
        x, y = picture.xy(rows, columns)
        east, north = transform(picture.crs, source.crs, x, y)
        there = [np.asarray(index) for index in rowcol(source.transform, east, north)]
    green = (aerial[3] - aerial[0]) / (aerial[3] + aerial[0] + 1)
    here = np.array(
        [
            green[max(0, row - 25) : row + 25, max(0, column - 25) : column + 25].mean()
            for row, column in zip(rows, columns, strict=True)
        ]
    )
    matched = np.corrcoef(here, ndvi[there[0], there[1]])[0, 1]
    shifted = np.corrcoef(here, ndvi[there[0] + 6, there[1] + 6])[0, 1]
    assert matched > 0.6
    assert matched > shifted + 0.2


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(files, tmp_path):
    # A date of another village that lay here before is gone afterwards.
    (tmp_path / "sentinel2").mkdir()
    (tmp_path / "sentinel2" / "20200101.tif").write_bytes(b"another village")
    # A process of its own, so that nothing is shared but the code.
    subprocess.run(
        [sys.executable, "-m", "flair_landcover.research.scenes.village", str(tmp_path), "--size", "512"],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    for path in (files.aerial, files.sentinel2, files.truth, *files.year.iterdir()):
        assert (tmp_path / path.relative_to(files.aerial.parent)).read_bytes() == path.read_bytes(), path.name
    made = sorted(entry.name for entry in tmp_path.iterdir())
    assert made == ["aerial.tif", "sentinel2", "sentinel2.tif", "truth.tif"]
    assert len(list((tmp_path / "sentinel2").iterdir())) == 75
    assert not np.array_equal(draw_scene(1, 128).aerial, draw_scene(2, 128).aerial)


def test_heights_stand_where_the_classes_say(truth, aerial):
    elevation = aerial[4] / 5
    assert 3 < np.median(elevation[truth == BUILDING]) < 12
    assert np.median(elevation[truth == CONIFEROUS]) > 4
    for flat in (IMPERVIOUS, WATER, PLOWED):
        assert np.median(elevation[truth == flat]) < 1


def test_colours_lie_near_those_measured_on_real_patches():
    scenes = [draw_scene(seed, 256) for seed in range(30)]
    labels = np.concatenate([scene.labels for scene in scenes])
    pixels = np.concatenate([scene.aerial for scene in scenes], axis=1)
    for value, (mean, spread) in MEASURED.items():
        seen = pixels[:4, labels == value].mean(axis=1)
        assert np.all(np.abs(seen - mean[:4]) < np.array(spread[:4])), (value, seen, mean)


def test_roofs_and_trees_throw_shadows_away_from_the_sun(truth, aerial):
    """The default sun stands in the south-east: ground beyond a building in the north-west is the darker one."""
    rows, columns = np.nonzero(truth == BUILDING)
    ground = np.isin(truth, (2, 3, 10))
    brightness = aerial[:3].mean(axis=0)

    def beside(step):
        row, column = rows + step, columns + step // 2
        inside = (row >= 0) & (row < 512) & (column >= 0) & (column < 512)
        row, column = row[inside], column[inside]
        near = ground[row, column]
        return brightness[row[near], column[near]].mean()

    assert beside(-20) < 0.85 * beside(20)


def test_leaves_and_crops_follow_the_year():
    """Every class keeps the order of its seasons, whatever else varies: NDVI by month from pure covers."""

    def ndvi(cover):
        samples = np.full((20, 20), cover, np.uint8)
        cube = seasons.series(samples, np.zeros((20, 20), int), 1, np.random.default_rng(3)).mean(axis=(2, 3))
        return (cube[:, 6] - cube[:, 2]) / (cube[:, 6] + cube[:, 2])

    january, may, july = 0, 4, 6
    broadleaf, conifer, wheat, maize = (ndvi(c) for c in (Cover.BROADLEAF, Cover.CONIFER, Cover.WHEAT, Cover.MAIZE))
    assert broadleaf[july] - broadleaf[january] > 0.25
    assert np.ptp(conifer) < 0.15
    assert wheat[may] - wheat[july] > 0.25
    assert maize[july] - maize[may] > 0.25
    assert ndvi(Cover.PLOWED)[may:8].max() < 0.4
    assert ndvi(Cover.WATER).max() < 0


def test_every_cover_has_a_look_a_season_and_a_class():
    assert set(APPEARANCES) == set(seasons.SEASONS) == set(Cover)
    assert len(CLASS_OF_COVER) == len(Cover)
    assert set(CLASS_OF_COVER.tolist()) == {entry.value for entry in FLAIR_CLASSES}


def test_scenes_come_in_the_shapes_that_training_reads():
    scene, cube = draw_scene(5, 256), draw_sentinel2(5, 256)
    assert scene.labels.shape == (256, 256) and scene.labels.dtype == np.uint8
    assert scene.aerial.shape == (5, 256, 256) and scene.aerial.dtype == np.uint8
    assert cube.shape == (12, 10, 40, 40) and cube.dtype == np.float32
    assert scene.labels.min() >= 1 and scene.labels.max() <= 13
    assert np.array_equal(cube, draw_sentinel2(5, 256))


def test_scenes_differ_in_what_they_show():
    shown = [frozenset(np.unique(draw_scene(seed, 256).labels).tolist()) for seed in range(12)]
    assert len(set(shown)) >= 9
    assert len(frozenset.union(*shown)) >= 11


def test_too_small_a_size_is_refused_in_one_sentence_and_leaves_nothing(tmp_path, capsys):
    folder = tmp_path / "village"
    with pytest.raises(ValueError, match="no room for all classes"):
        village.make_village(folder, size=256)
    assert village.main([str(folder), "--size", "256"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_gives_exit_status_two(tmp_path, capsys):
    taken = tmp_path / "taken"
    taken.write_text("a file")
    assert village.main([str(taken / "inside")]) == 2
    assert str(taken) in capsys.readouterr().err


def test_a_failed_write_leaves_no_part_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(village.os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        village.make_village(tmp_path, size=512)
    assert list(tmp_path.iterdir()) == []


def test_frame_and_ground_coordinates_are_inverse():
    frame = BentFrame(angle=0.7, bend=15.0, length=300.0, shift=(1.0, 2.0))
    x, y = np.meshgrid(np.linspace(-300, 300, 13), np.linspace(-300, 300, 13))
    again = frame.to_ground(*frame.to_frame(x, y))
    assert np.abs(again[0] - x).max() < 0.01 and np.abs(again[1] - y).max() < 0.01


def test_window_outside_the_grid_is_none_and_inside_is_cut_to_it():
    geobox = centred(100, 0.2)
    assert touched(geobox, 20, 30, 0, 5) is None
    assert touched(geobox, -50, 50, -1, 1) == (slice(45, 56), slice(0, 100))


@pytest.mark.parametrize("cell", [2.5, 20.0])
def test_smooth_noise_has_unit_spread_and_no_finer_detail_than_its_cell(cell):
    noise = smooth_noise(np.random.default_rng(0), (400, 400), cell)
    assert noise.std() == pytest.approx(1, abs=0.15)
    step = np.abs(np.diff(noise, axis=1)).mean()
    assert step < 1.5 / cell


def test_measured_table_is_what_the_real_patches_give():
    folder = Path(__file__).parents[2].parent / "shared" / "data" / "flair2"
    pictures = sorted(folder.glob("IMG_*.tif"))
    if not pictures:
        pytest.skip("The real FLAIR #2 patches are not at ../shared/data/flair2.")
    pixels, labels = [], []
    for path in pictures:
        with rasterio.open(path) as source, rasterio.open(path.with_name(path.name.replace("IMG", "MSK"))) as mask:
            pixels.append(source.read().reshape(5, -1))
            labels.append(mask.read(1).ravel())
    pixels, labels = np.concatenate(pixels, axis=1).astype(float), np.concatenate(labels)
    assert set(np.unique(labels).tolist()) == set(MEASURED)
    for value, (mean, spread) in MEASURED.items():
        found = pixels[:, labels == value]
        assert found.mean(axis=1) == pytest.approx(mean, abs=0.06)
        assert found.std(axis=1) == pytest.approx(spread, abs=0.06)
