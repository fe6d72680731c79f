from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from PIL import Image

from flair_landcover.contract.cards import read_card, write_card
from flair_landcover.contract.nomenclature import FLAIR_CLASSES
from flair_landcover.models.library import BUNDLED_FOLDER
from flair_landcover.research.dataset import HELD_OUT_PATCHES
from flair_landcover.research.sheet import (
    MOST_COLUMNS,
    NO_LABEL,
    TILE,
    SheetScene,
    class_tile,
    draw_sheet,
    jpegs_of,
    main,
    tile_corner,
    write_sheets,
)

COLOUR = {land.name: land.rgb for land in FLAIR_CLASSES}
WATER, DECIDUOUS = 5, 7


def scene(name: str = "made", held_out: bool = False, grey: int = 120) -> SheetScene:
    """Water in the west and deciduous in the east, mapped the other way round in its northern half."""
    truth = np.full((100, 100), WATER, np.uint8)
    truth[:, 50:] = DECIDUOUS
    mapped = truth.copy()
    mapped[:50] = mapped[:50, ::-1]
    return SheetScene(name, held_out, np.full((64, 64, 3), grey, np.uint8), truth, mapped)


def at(sheet: np.ndarray, index: int, row: int, right: float, down: float) -> tuple[int, ...]:
    """The colour in a tile, at these shares of its side."""
    x, y = tile_corner(index, row)
    return tuple(int(value) for value in sheet[y + int(down * TILE), x + int(right * TILE)])


def has(sheet: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((sheet == np.array(colour, np.uint8)).all(-1).any())


def test_image_truth_and_map_lie_one_below_the_other():
    sheet = draw_sheet("Made up", [scene()])
    assert at(sheet, 0, 0, 0.5, 0.5) == (120, 120, 120)
    assert at(sheet, 0, 1, 0.2, 0.2) == at(sheet, 0, 1, 0.2, 0.8) == COLOUR["water"]
    assert at(sheet, 0, 1, 0.8, 0.2) == at(sheet, 0, 1, 0.8, 0.8) == COLOUR["deciduous"]
    assert at(sheet, 0, 2, 0.2, 0.2) == at(sheet, 0, 2, 0.8, 0.8) == COLOUR["deciduous"]
    assert at(sheet, 0, 2, 0.8, 0.2) == at(sheet, 0, 2, 0.2, 0.8) == COLOUR["water"]


def test_tiles_fill_their_squares_and_do_not_touch():
    sheet = draw_sheet("Made up", [scene("a", grey=10), scene("b", grey=10)])
    x, y = tile_corner(1, 0)
    assert (sheet[y : y + TILE, x : x + TILE] == 10).all()
    for beside in (sheet[y - 1, x], sheet[y, x - 1], sheet[y + TILE, x], sheet[y, x + TILE]):
        assert (beside == 255).all()


def test_held_out_scenes_come_first_and_are_marked():
    sheet = draw_sheet("Made up", [scene("a", grey=10), scene("b", held_out=True, grey=200), scene("c", grey=30)])
    assert [at(sheet, index, 0, 0.5, 0.5)[0] for index in range(3)] == [200, 10, 30]
    (left, y), (right, _) = tile_corner(0, 0), tile_corner(1, 0)
    above = sheet[y - 28 : y].min(-1)  # where the groups are named
    held_out, trained = above[:, left : left + TILE], above[:, right : right + TILE]
    assert held_out[-10:].min() < 100 < trained[-10:].min()  # a dark line below one word, a pale one below the other
    assert held_out[:18].min() < 100 and trained[:18].min() < 100


def test_every_class_is_in_the_legend():
    sheet = draw_sheet("Made up", [scene()])
    legend = sheet[tile_corner(0, 2)[1] + TILE :]
    assert all(has(legend, land.rgb) for land in FLAIR_CLASSES)
    assert not has(legend, NO_LABEL)


def test_pixels_without_a_label_are_in_the_legend_where_there_are_any():
    partly = scene()
    partly.truth[:30] = 0
    sheet = draw_sheet("Made up", [partly])
    assert at(sheet, 0, 1, 0.5, 0.1) == NO_LABEL
    assert has(sheet[tile_corner(0, 2)[1] + TILE :], NO_LABEL)


def test_scenes_beyond_a_band_go_below_it():
    one = draw_sheet("Made up", [scene(str(i)) for i in range(MOST_COLUMNS)])
    two = draw_sheet("Made up", [scene(str(i), grey=10 * i) for i in range(MOST_COLUMNS + 1)])
    assert two.shape[1] == one.shape[1] and two.shape[0] > one.shape[0] + 3 * TILE
    assert tile_corner(MOST_COLUMNS, 0)[0] == tile_corner(0, 0)[0]
    assert at(two, MOST_COLUMNS, 0, 0.5, 0.5)[0] == 10 * MOST_COLUMNS


def test_a_sheet_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no scene to draw"):
        draw_sheet("Made up", [])


def test_a_pixel_of_a_tile_shows_the_commonest_class_that_it_covers():
    values = np.full((2 * TILE, 2 * TILE), WATER, np.uint8)
    values[::2, ::2] = DECIDUOUS
    assert (class_tile(values) == COLOUR["water"]).all()
    values[1::2] = DECIDUOUS
    assert (class_tile(values) == COLOUR["deciduous"]).all()


def test_a_pixel_of_a_tile_is_without_a_label_only_where_nothing_below_it_has_one():
    values = np.zeros((2 * TILE, 2 * TILE), np.uint8)
    values[: 2 * 10 : 2, ::2] = WATER
    tile = class_tile(values)
    assert (tile[:10] == COLOUR["water"]).all() and (tile[10:] == NO_LABEL).all()


def test_values_beyond_the_classes_are_refused():
    with pytest.raises(ValueError, match="14 is no class"):
        class_tile(np.full((8, 8), 14, np.uint8))


def test_the_accuracy_of_a_scene_is_that_of_its_labelled_pixels():
    shown = scene()
    assert shown.accuracy == 0.5
    shown.truth[:50] = 0
    assert shown.accuracy == 1.0
    shown.truth[:] = 0
    assert shown.accuracy is None
    draw_sheet("Made up", [shown])


def test_the_files_are_whole_and_alone_in_their_folder(tmp_path):
    sheets = {"one.jpg": draw_sheet("One", [scene()]), "two.jpg": draw_sheet("Two", [scene("a"), scene("b")])}
    paths = write_sheets(sheets, tmp_path / "new" / "folder")
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == ["one.jpg", "two.jpg"]
    for path, sheet in zip(paths, sheets.values()):
        with Image.open(path) as image:
            assert image.format == "JPEG"
            read = np.asarray(image)
        assert read.shape == sheet.shape
        assert np.abs(np.array(at(read, 0, 1, 0.2, 0.2)) - COLOUR["water"]).max() <= 6


def test_quality_falls_until_the_sheets_fit_together():
    noise = np.random.default_rng(1).integers(0, 255, (2, 100, 100, 3), dtype=np.uint8)
    sheets = {"a.jpg": noise[0], "b.jpg": noise[1]}
    best = sum(map(len, jpegs_of(sheets).values()))
    less = sum(map(len, jpegs_of(sheets, best * 2 // 3).values()))
    assert best // 3 < less <= best * 2 // 3


def test_sheets_that_fit_at_no_quality_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("flair_landcover.research.sheet.jpegs_of", lambda sheets: jpegs_of(sheets, 1000))
    with pytest.raises(ValueError, match="do not fit into 1000 bytes"):
        write_sheets({"a.jpg": draw_sheet("One", [scene()])}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_failed_write_leaves_nothing_of_its_own(tmp_path):
    (tmp_path / "a.jpg").mkdir()  # where the first file belongs
    (tmp_path / "b.jpg").write_bytes(b"older")
    drawn = draw_sheet("One", [scene()])
    with pytest.raises(ValueError, match="cannot be written"):
        write_sheets({"a.jpg": drawn, "b.jpg": drawn}, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "b.jpg"]
    assert (tmp_path / "b.jpg").read_bytes() == b"older"


@pytest.fixture
def small_data(tmp_path):
    """Two patches of 64 pixels, one under the name of a held-out one, and a rendering of 40."""
    folder = tmp_path / "data"
    draw = np.random.default_rng(1)
    (folder / "flair2").mkdir(parents=True)
    (folder / "flair2-renderings").mkdir()
    for number in ("000001", sorted(HELD_OUT_PATCHES)[0]):
        _write(folder / "flair2" / f"IMG_{number}.tif", draw.integers(0, 255, (5, 64, 64), np.uint8), "GTiff")
        _write(folder / "flair2" / f"MSK_{number}.tif", np.full((1, 64, 64), DECIDUOUS, np.uint8), "GTiff")
    _write(folder / "flair2-renderings" / "a_rgb.png", draw.integers(0, 255, (3, 40, 40), np.uint8), "PNG")
    _write(folder / "flair2-renderings" / "a_mask.png", np.full((1, 40, 40), WATER, np.uint8), "PNG")
    return folder


def _write(path, bands, driver):
    count, height, width = bands.shape
    profile = {"driver": driver, "count": count, "height": height, "width": width, "dtype": "uint8"}
    with rasterio.open(path, "w", **profile) as target:
        target.write(bands)


def test_a_model_is_shown_on_all_patches_and_renderings(small_data, tmp_path, capsys):
    assert main(["bundled", "--data", str(small_data), "--out", str(tmp_path / "out")]) == 0
    written = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in written] == ["sheet-patches.jpg", "sheet-renderings.jpg"]
    with Image.open(written[0]) as patches, Image.open(written[1]) as renderings:
        assert patches.width > renderings.width  # two scenes and one
        assert np.abs(np.array(at(np.asarray(patches), 1, 1, 0.5, 0.5)) - COLOUR["deciduous"]).max() <= 6
        assert np.abs(np.array(at(np.asarray(renderings), 0, 1, 0.5, 0.5)) - COLOUR["water"]).max() <= 6
    assert "sheet-patches.jpg" in capsys.readouterr().out


def test_data_without_scenes_is_said_and_nothing_written(tmp_path, capsys):
    assert main(["bundled", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "give the folder of the real data" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unknown_model_is_said(small_data, tmp_path, capsys):
    assert main(["no-such-model", "--data", str(small_data), "--out", str(tmp_path / "out")]) == 2
    assert "no model named no-such-model" in capsys.readouterr().err


def test_a_model_of_other_classes_is_refused(small_data, tmp_path, capsys):
    folder = tmp_path / "model"
    shutil.copytree(BUNDLED_FOLDER, folder)
    card = read_card(folder)
    write_card(replace(card, id="other", outputs=(0, *card.outputs[1:])), folder)
    assert main([str(folder), "--data", str(small_data), "--out", str(tmp_path / "out")]) == 2
    assert "does not map five plain bands to the 13 classes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
