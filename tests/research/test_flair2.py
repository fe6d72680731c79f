"""FLAIR #2 as IGN publishes it, in small made-up copies of its layouts."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine

from flair_landcover.contract.cards import SatelliteInput, read_card
from flair_landcover.inference.raster.geobox import GeoBox
from flair_landcover.inference.raster.windows import Window
from flair_landcover.inference.sentinel2.open import open_series
from flair_landcover.inference.sentinel2.superpatches import Superpatches
from flair_landcover.research import train
from flair_landcover.research.augment import stack
from flair_landcover.research.dataset import ALL_ROLES
from flair_landcover.research.flair2 import Flair2Crops, Flair2Patch, find_patches, read_image

LAMBERT_93 = "EPSG:2154"
PLACE = Affine(0.2, 0, 650_000, 0, -0.2, 6_860_000)  # of the first patch of each zone; others follow 200 m apart
SIZE = 512
ROWS, COLUMNS = 90, 100  # of a zone's series
FIRST = (30, 25)  # row and column of the first patch's middle in it
DATES = ("2021-01-05", "2021-01-25", "2021-04-15", "2021-07-04")
ZONES = ("D004_2021/Z1_NN", "D004_2021/Z2_UF", "D077_2020/Z1_NN", "D077_2020/Z9_AA")
CENTROIDS = "flair-2_centroids_sp_to_patch.json"

CHALLENGE = {"train": "flair_{}_train", "test": "flair_2_{}_test"}
TOY = {split: f"flair_2_toy_dataset/flair_2_toy_{{}}_{split}" for split in ("train", "test")}


def codes_of(number: int) -> np.ndarray:
    """A mask of agricultural land, with a corner of water and one of greenhouse in every other patch."""
    codes = np.full((SIZE, SIZE), 11, np.uint8)
    codes[: SIZE // 4, : SIZE // 4] = 5 if number % 2 else 18
    return codes


def write_raster(path: Path, values: np.ndarray, transform: Affine = PLACE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "dtype": values.dtype, "count": len(values), "compress": "deflate"}
    profile |= {"height": values.shape[1], "width": values.shape[2], "crs": LAMBERT_93, "transform": transform}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(values)


def write_patch(image: Path, mask: Path, number: int, order: int = 0, codes: np.ndarray | None = None) -> None:
    """An aerial patch whose bands are its number and their own, and its mask."""
    place = PLACE * Affine.translation(1000 * order, 0)
    bands = np.stack([np.full((SIZE, SIZE), (number + 10 * band) % 256, np.uint8) for band in range(5)])
    write_raster(image, bands, place)
    write_raster(mask, (codes_of(number) if codes is None else codes)[None], place)


def write_series(stem: Path, seed: int = 0, masks: np.ndarray | None = None, dates: tuple[str, ...] = DATES):
    """A zone's series without clouds, if `masks` say nothing else; returns its digital numbers."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(1, 9000, (len(dates), 10, ROWS, COLUMNS)).astype(np.uint16)
    masks = np.zeros((len(dates), 2, ROWS, COLUMNS), np.uint8) if masks is None else masks
    np.save(stem.with_name(f"{stem.name}_data.npy"), values)
    np.save(stem.with_name(f"{stem.name}_masks.npy"), masks)
    products = [f"S2B_MSIL2A_{date.replace('-', '')}T105021_N0300_R051_T31UDP_20210415T135921" for date in dates]
    stem.with_name(f"{stem.name}_products.txt").write_text("\n".join(products) + "\n")
    return values


def write_copy(
    root: Path,
    folders: dict[str, str] = CHALLENGE,
    split: str = "train",
    first: int = 0,
    zones: tuple[str, ...] = ZONES,
) -> Path:
    """Two domains of two zones of two or three patches each, with their series, as the challenge's archives have them.

    folders: the name of each split's folders, in which ``{}`` stands for what they hold.
    """
    aerial, labels, sen = (root / folders[split].format(kind) for kind in ("aerial", "labels", "sen"))
    file = (aerial.parent if "/" in folders[split] else root) / CENTROIDS
    number, centroids = first, json.loads(file.read_text()) if file.exists() else {}
    for index, zone in enumerate(zones):
        for order in range(2 + index % 2):
            image = aerial / zone / "img" / f"IMG_{number:06}.tif"
            write_patch(image, labels / zone / "msk" / f"MSK_{number:06}.tif", number, order)
            centroids[image.name] = [FIRST[0], FIRST[1] + 20 * order]
            number += 1
        write_series(sen / zone / "sen" / f"SEN2_sp_{zone.replace('/', '-')}", index)
    file.write_text(json.dumps(centroids))
    return root


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """Both splits as the challenge published them; tests do not write into it."""
    root = write_copy(tmp_path_factory.mktemp("published"))
    return write_copy(root, split="test", first=50)


@pytest.fixture
def one_zone(tmp_path) -> Path:
    """A zone of two patches, to write into."""
    zone = "D004_2021/Z1_NN"
    for number in (0, 1):
        image = tmp_path / f"flair_aerial_train/{zone}/img/IMG_{number:06}.tif"
        mask = tmp_path / f"flair_labels_train/{zone}/msk/MSK_{number:06}.tif"
        write_patch(image, mask, number, number)
    write_series(tmp_path / f"flair_sen_train/{zone}/sen/SEN2_sp_D004_2021-Z1_NN")
    (tmp_path / CENTROIDS).write_text(json.dumps({"IMG_000000.tif": [30, 25], "IMG_000001.tif": [30, 45]}))
    return tmp_path


def numbers(patches: list[Flair2Patch]) -> list[int]:
    return [int(patch.name.rsplit("/", 1)[1]) for patch in patches]


def test_every_patch_is_found_with_its_mask_its_zones_series_and_its_place_there(published):
    patches = find_patches(published)
    assert numbers(patches) == list(range(10))
    assert patches[0].name == "flair2/D004_2021/Z1_NN/000000"
    assert [patch.domain for patch in patches] == ["D004_2021"] * 5 + ["D077_2020"] * 5
    for patch in patches:
        zone = patch.name[len("flair2/") : -len("/000000")]
        assert patch.mask == published / "flair_labels_train" / zone / "msk" / f"MSK_{patch.name[-6:]}.tif"
        assert patch.series == published / "flair_sen_train" / zone / "sen" / f"SEN2_sp_{zone.replace('/', '-')}"
    assert [patch.centroid for patch in patches[:3]] == [(30, 25), (30, 45), (30, 25)]


def test_the_test_is_found_apart_and_that_of_flair_1_not_at_all(published, tmp_path):
    assert numbers(find_patches(published, "test")) == list(range(50, 60))
    root = write_copy(tmp_path, CHALLENGE | {"test": "flair_1_{}_test"}, "test")
    with pytest.raises(ValueError, match="holds no patch of FLAIR #2 for test"):
        find_patches(root, "test")


def test_the_toy_is_found_below_its_own_names(tmp_path):
    write_copy(tmp_path, TOY)
    write_copy(tmp_path, TOY, "test", first=50)
    assert numbers(find_patches(tmp_path)) == list(range(10))
    assert numbers(find_patches(tmp_path, "test")) == list(range(50, 60))
    assert all(patch.series and patch.centroid for patch in find_patches(tmp_path, "test"))


@pytest.mark.parametrize("merged", [False, True])
def test_archives_of_one_domain_each_are_found_unpacked_apart_or_together(tmp_path, merged):
    """As on Hugging Face: the domain is the folder, or, where there is none, what the metadata says."""
    metadata = {}
    for number, domain in enumerate(("D004_2021", "D077_2020")):
        folder = tmp_path / "data" / "train-val" / ("" if merged else domain)
        write_patch(folder / f"aerial/Z1_NN/IMG_{number:06}.tif", folder / f"labels/Z1_NN/MSK_{number:06}.tif", number)
        write_series(folder / f"sentinel/Z1_NN/SEN2_sp_{domain}-Z1_NN")
        metadata[f"IMG_{number:06}"] = {"domain": domain, "zone": "Z1_NN", "camera": "UCE-M3-f120-s06"}
    (tmp_path / "aux-data").mkdir()
    (tmp_path / "aux-data" / CENTROIDS).write_text(json.dumps({f"{name}.tif": FIRST for name in metadata}))
    if merged:
        with pytest.raises(ValueError, match=r"domain of .* is unknown: .* or put flair_aerial_metadata\.json"):
            find_patches(tmp_path)
        (tmp_path / "aux-data" / "flair_aerial_metadata.json").write_text(json.dumps(metadata))
    patches = find_patches(tmp_path)
    assert [patch.name for patch in patches] == ["flair2/D004_2021/Z1_NN/000000", "flair2/D077_2020/Z1_NN/000001"]
    assert [patch.series.name for patch in patches] == ["SEN2_sp_D004_2021-Z1_NN", "SEN2_sp_D077_2020-Z1_NN"]


def test_a_data_set_that_is_linked_to_is_found_once(published, tmp_path):
    for folder in ("flair_aerial_train", "flair_labels_train"):
        (tmp_path / folder).symlink_to(published / folder, target_is_directory=True)
    (tmp_path / "flair_aerial_train_again").symlink_to(published / "flair_aerial_train", target_is_directory=True)
    patches = find_patches(tmp_path)
    assert numbers(patches) == list(range(10))
    assert {patch.series for patch in patches} == {None}


def test_what_is_missing_is_told_with_what_to_put_where(one_zone):
    with pytest.raises(ValueError, match="has no split validation: choose train or test"):
        find_patches(one_zone, "validation")
    with pytest.raises(ValueError, match="holds no patch of FLAIR #2 for train: give the folder"):
        find_patches(one_zone / "flair_labels_train")
    (one_zone / CENTROIDS).write_text('{"IMG_000000.tif": [30]}')
    with pytest.raises(ValueError, match=r"gives IMG_000000\.tif the place \[30\]: copy or download"):
        find_patches(one_zone)
    (one_zone / CENTROIDS).write_text('{"IMG_0000')
    with pytest.raises(ValueError, match=r"sp_to_patch\.json cannot be read .*: copy or download"):
        find_patches(one_zone)
    (one_zone / CENTROIDS).unlink()
    with pytest.raises(ValueError, match="nothing places the patches in them: put flair-2_centroids"):
        find_patches(one_zone)
    next(one_zone.rglob("MSK_000001.tif")).unlink()
    with pytest.raises(ValueError, match=r"Of 2 patches 1 have no mask, such as .*IMG_000001\.tif: unpack all labels"):
        find_patches(one_zone)


def test_two_series_of_one_zone_are_a_choice_to_make(one_zone):
    series = next(one_zone.rglob("*_data.npy"))
    shutil.copy(series, series.with_name("SEN2_sp_D004_2021-Z1_NN_old_data.npy"))
    with pytest.raises(ValueError, match="are of one zone: keep the one"):
        find_patches(one_zone)


def test_a_patch_is_an_image_of_five_bands_whose_rare_classes_are_other(published):
    image = read_image(find_patches(published)[2])
    assert (image.name, image.kind, image.gsd) == ("flair2/D004_2021/Z2_UF/000002", "flair2", 0.2)
    assert image.roles == ALL_ROLES
    assert image.bands.shape == (5, SIZE, SIZE) and image.bands.dtype == image.codes.dtype == np.uint8
    assert image.bands[:, 7, 7].tolist() == [2, 12, 22, 32, 42]
    assert np.unique(image.codes[: SIZE // 4, : SIZE // 4]).tolist() == [13]
    assert np.unique(image.codes[SIZE // 4 :]).tolist() == [11]


def test_the_series_is_the_monthly_means_of_the_40_pixels_around_the_centroid(one_zone):
    patch = find_patches(one_zone)[1]
    data = np.load(f"{patch.series}_data.npy")[:, :, 10:50, 25:65].astype(np.float64)
    image = read_image(patch)
    assert image.series.dtype == image.days.dtype == np.float32
    np.testing.assert_allclose(image.series, [data[:2].mean(axis=0), data[2], data[3]], rtol=1e-6)
    assert image.days.tolist() == [120, 30, -61]  # of 15 January, April and July to 15 May


def test_a_date_half_under_clouds_and_snow_is_left_out_where_it_is(one_zone):
    masks = np.zeros((len(DATES), 2, ROWS, COLUMNS), np.uint8)
    masks[2, 0, 10:25] = masks[2, 1, 25:30] = 60  # snow on 15 of the 40 rows of both, clouds on 5: half
    masks[3, 0, 10:25] = 60
    masks[3, 1, 25:30] = 59  # too unlikely to count
    masks[0, 1, :, :26] = 100  # the first patch has columns 5 to 44: half; the second one has but one of them
    write_series(find_patches(one_zone)[0].series, masks=masks)
    first, second = (read_image(patch) for patch in find_patches(one_zone))
    assert first.days.tolist() == second.days.tolist() == [120, -61]
    data = np.load(f"{find_patches(one_zone)[0].series}_data.npy").astype(np.float64)
    np.testing.assert_array_equal(first.series[0], data[1, :, 10:50, 5:45])
    np.testing.assert_allclose(second.series[0], data[:2, :, 10:50, 25:65].mean(axis=0), rtol=1e-6)


def test_training_gets_the_very_series_that_a_map_of_the_patch_gets(one_zone):
    """With clouds, snow, pixels that are missing, and a patch near the end of the series."""
    patches = find_patches(one_zone)
    stem = patches[0].series
    rng = np.random.default_rng(3)
    masks = (rng.random((6, 2, ROWS, COLUMNS)) ** 3 * 100).astype(np.uint8)
    masks[1, 1, 20:, :60] = 100
    data = write_series(stem, 4, masks, ("2021-01-05", "2021-01-25", *(f"2021-0{month}-11" for month in (2, 4, 5, 9))))
    data[2, :, 15:22, 30:] = 0  # no date of February has these
    data[0, :5, :, 18] = data[3, :4, :, 22] = 0  # half of the bands: missing; less: dark
    data[4, :, 24:37] = 0  # nothing on the patches themselves
    np.save(f"{stem}_data.npy", data)
    shifted = {f"IMG_{number:06}.tif": [FIRST[0], 12 + 20 * number] for number in (0, 1)}  # 8 columns reach out
    (one_zone / CENTROIDS).write_text(json.dumps(shifted))
    for number, patch in enumerate(find_patches(one_zone)):
        series = open_series((f"{patch.series}_data.npy",), pytest.fail)
        place = PLACE * Affine.translation(1000 * number, 0)
        grid = GeoBox(place, rasterio.crs.CRS.from_string(LAMBERT_93).to_wkt(), (SIZE, SIZE)).at(0.2)
        expected = Superpatches(series, SatelliteInput(), grid).read(Window(0, 0, SIZE, SIZE))
        image = read_image(patch)
        assert expected.mirrored and len(expected.days) == 4
        np.testing.assert_array_equal(image.days, expected.days)
        np.testing.assert_allclose(image.series, expected.pixels, rtol=1e-6)


def test_a_patch_without_a_usable_date_or_a_place_has_no_series(one_zone):
    patch = find_patches(one_zone)[0]
    assert read_image(patch).series is not None
    for without in (replace(patch, series=None), replace(patch, centroid=None)):
        assert read_image(without).series is read_image(without).days is None
    write_series(patch.series, masks=np.full((len(DATES), 2, ROWS, COLUMNS), 100, np.uint8))
    assert read_image(patch).series is read_image(patch).days is None


def test_a_series_without_masks_keeps_all_its_dates(one_zone):
    patch = find_patches(one_zone)[0]
    Path(f"{patch.series}_masks.npy").unlink()
    assert len(read_image(patch).days) == 3


def test_of_a_large_series_only_the_window_is_read(one_zone):
    patch = find_patches(one_zone)[0]
    Path(f"{patch.series}_masks.npy").unlink()
    large = np.lib.format.open_memmap(f"{patch.series}_data.npy", "w+", np.uint16, (len(DATES), 10, 1500, 1500))
    large[:, :, 10:50, 5:45] = 77
    large.flush()
    tracemalloc.start()
    try:
        assert (read_image(patch).series == 77).all()
        assert tracemalloc.get_traced_memory()[1] < large.nbytes / 10
    finally:
        tracemalloc.stop()


def test_files_that_are_not_what_flair_has_are_told(one_zone):
    patch = find_patches(one_zone)[0]
    with pytest.raises(ValueError, match=r"place \[90, 3\] is outside of .* 90 x 100 pixels: give the centroid file"):
        read_image(replace(patch, centroid=(90, 3)))
    np.save(f"{patch.series}_masks.npy", np.zeros((len(DATES), 1, ROWS, COLUMNS), np.uint8))
    with pytest.raises(ValueError, match=r"does not fit the data's .* give the masks of the same series"):
        read_image(patch)
    Path(f"{patch.series}_products.txt").write_text("S2B_MSIL2A_20210105\n")
    with pytest.raises(ValueError, match="names 1 products, but the array has 4 dates"):
        read_image(patch)
    np.save(f"{patch.series}_data.npy", np.ones((3, 4, 50, 50), np.uint16))
    with pytest.raises(ValueError, match=r"has the shape \(3, 4, 50, 50\): FLAIR's series"):
        read_image(patch)
    write_raster(patch.mask, np.ones((1, 500, 500), np.uint8))
    with pytest.raises(ValueError, match=r"IMG_000000\.tif has the shape .* under a mask of \(500, 500\)"):
        read_image(patch)
    patch.mask.write_bytes(b"II*\0 and no more")
    with pytest.raises(ValueError, match=r"MSK_000000\.tif cannot be read .*: copy or download"):
        read_image(patch)


def test_a_date_that_no_product_name_says_is_told(one_zone):
    patch = find_patches(one_zone)[0]
    Path(f"{patch.series}_products.txt").write_text("a\nb\nc\nd\n")
    with pytest.raises(ValueError, match=r"date of the product a in SEN2_.*_products\.txt is unknown"):
        read_image(patch)


def test_crops_show_each_class_that_is_there_alike(published):
    crops = Flair2Crops(find_patches(published))
    water = other = 0
    for seed in range(60):
        crop = crops.draw(64, np.random.default_rng(seed))
        assert crop.aerial.shape == (5, 64, 64) and crop.codes.shape == (64, 64)
        assert crop.aerial.dtype == torch.float32 and crop.codes.dtype == torch.uint8
        assert crop.series is crop.days is None
        water += int((crop.codes == 5).any())
        other += int((crop.codes == 13).any())
    # Half are drawn for water, which is on a 32nd of the pixels; as many pixels are "other", which is not drawn for.
    assert 24 <= water <= 45
    assert other <= 12


def test_a_crop_depends_on_its_random_numbers_alone(published):
    fresh, used = (Flair2Crops(find_patches(published)) for _ in range(2))
    for seed in range(8):
        used.draw(64, np.random.default_rng(seed))
    for draw in ("draw", "draw_with_series"):
        arguments = (64,) if draw == "draw" else ()
        first, second = (getattr(crops, draw)(*arguments, np.random.default_rng(9)) for crops in (fresh, used))
        assert torch.equal(first.aerial, second.aerial) and torch.equal(first.codes, second.codes)


def test_a_class_of_a_few_pixels_is_not_drawn_for_and_other_alone_still_gives_crops(one_zone):
    patches = find_patches(one_zone)[:1]
    codes = np.full((SIZE, SIZE), 15, np.uint8)
    codes[:20, :20] = 5  # 400 of 262,144
    write_patch(patches[0].image, patches[0].mask, 0, codes=codes)
    crops = [Flair2Crops(patches).draw(64, np.random.default_rng(seed)) for seed in range(10)]
    assert sum(int((crop.codes == 5).any()) for crop in crops) <= 3
    assert all((crop.codes == 13).any() for crop in crops)


def test_nothing_is_read_before_a_crop_is_drawn():
    missing = Path("missing")
    patches = [Flair2Patch(f"flair2/D{d:03}_2021/Z1_AA/1", f"D{d:03}_2021", missing, missing) for d in range(400)]
    crops = Flair2Crops(patches)
    assert not crops.with_series
    with pytest.raises(ValueError, match="cannot be read"):
        crops.draw(64, np.random.default_rng(1))
    with pytest.raises(ValueError, match="no patch of FLAIR #2 to train on"):
        Flair2Crops([])


def test_whole_patches_with_series_stack_whatever_months_clouds_leave_them(one_zone):
    masks = np.zeros((len(DATES), 2, ROWS, COLUMNS), np.uint8)
    masks[2, 1, :, :26] = 100  # April, on half of the first patch's superpatch alone
    patches = find_patches(one_zone)
    write_series(patches[0].series, masks=masks)
    assert [len(read_image(patch).days) for patch in patches] == [2, 3]
    each = [Flair2Crops([patch]).draw_with_series(np.random.default_rng(5)) for patch in patches]
    batch = stack(each)
    assert batch.aerial.shape == (2, 5, SIZE, SIZE)
    assert batch.series.shape == (2, 12, 10, 40, 40) and batch.series.dtype == torch.float32
    assert batch.days.shape == (2, 12) and batch.days.dtype == torch.float32
    for crop, months in zip(each, (2, 3)):
        assert not crop.series[months:].any() and not crop.days[months:].any()
        assert crop.series[:months].any()


def test_series_are_drawn_from_the_patches_that_have_a_usable_date(published):
    patches = find_patches(published)
    some = [replace(patch, series=None) if number else patch for number, patch in enumerate(patches)]
    crops = Flair2Crops(some)
    assert crops.with_series
    drawn = [crops.draw_with_series(np.random.default_rng(seed)) for seed in range(4)]
    assert all((crop.codes == 13).any() for crop in drawn)  # the first patch, as even ones have a greenhouse
    assert not Flair2Crops(some[1:]).with_series


def test_series_that_are_all_clouds_are_told(one_zone):
    patches = find_patches(one_zone)
    write_series(patches[0].series, masks=np.full((len(DATES), 2, ROWS, COLUMNS), 100, np.uint8))
    with pytest.raises(ValueError, match="without clouds and snow: train without series"):
        Flair2Crops(patches).draw_with_series(np.random.default_rng(1))


def test_real_patches_and_a_real_series_are_read(data, tmp_path):
    """The series is of another place: no real pair is at hand."""
    centroids = {}
    for entry in json.loads((data / "flair2" / "metadata.json").read_text()):
        number, zone = entry["image_id"][4:], f"{entry['domain']}/{entry['zone']}"
        for kind, folder, name in (("aerial", "img", "IMG"), ("labels", "msk", "MSK")):
            link = tmp_path / f"flair_{kind}_train" / zone / folder / f"{name}_{number}.tif"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(data / "flair2" / link.name)
        for cube in (data / "sentinel2").glob("SEN2_*_*.*"):
            link = tmp_path / "flair_sen_train" / zone / "sen"
            link.mkdir(parents=True, exist_ok=True)
            (link / f"SEN2_sp_{zone.replace('/', '-')}_{cube.name.rsplit('_', 1)[1]}").symlink_to(cube)
        centroids[f"IMG_{number}.tif"] = [32, 31]
    (tmp_path / CENTROIDS).write_text(json.dumps(centroids))
    patches = find_patches(tmp_path)
    assert len(patches) == len({patch.domain for patch in patches}) == 7
    for patch in patches:
        image = read_image(patch)
        assert image.bands.shape == (5, 512, 512) and image.codes.shape == (512, 512)
        assert image.codes.min() >= 1 and image.codes.max() <= 13
        assert image.series.shape == (len(image.days), 10, 40, 40) and 1 < len(image.days) <= 12
        assert image.series.min() > 0 and np.median(image.series) < 5000
    crops = Flair2Crops(patches)
    assert crops.draw(256, np.random.default_rng(1)).aerial.shape == (5, 256, 256)
    assert crops.draw_with_series(np.random.default_rng(1)).series.shape == (12, 10, 40, 40)


def test_one_command_trains_on_it_and_measures_on_its_test_split(published, tmp_path):
    """On a test split of two patches: each is mapped with every set of bands."""
    data = tmp_path / "data"
    data.mkdir()
    for kind in ("aerial", "labels", "sen"):
        (data / f"flair_{kind}_train").symlink_to(published / f"flair_{kind}_train", target_is_directory=True)
    shutil.copy(published / CENTROIDS, data)
    write_copy(data, split="test", first=50, zones=ZONES[:1])
    recipe = json.loads((Path(train.__file__).parent / "recipes" / "flair2.json").read_text())
    recipe["student"] |= {"steps": 4, "batch": 2, "crop": 64, "series_batch": 2}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    given = [str(tmp_path / "recipe.json"), "--data", str(data), "--out", str(tmp_path / "model")]
    assert train.main([*given, "--work", str(tmp_path / "work")]) == 0
    card = read_card(tmp_path / "model")
    assert card.id == "utt-flair2"
    assert "10 patches of 2 domains of FLAIR #2, 10 of them with a Sentinel-2 series" in card.training_data
    scores = card.scores["real FLAIR #2 patches"]
    assert {"five bands", "RGB", "five bands and Sentinel-2 series"} <= set(scores)
    assert scores["five bands"]["pixels"] == 2 * SIZE * SIZE
    assert "leave one patch out" not in card.scores
