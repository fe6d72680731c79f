"""An image of several files gives the map of the whole one, to the pixel."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine

from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import segmentation_job

from .bdortho import cut, real_scene, write
from .conftest import Recorder, read_labels

CUTS = {"columns": [97, 160], "rows": [61]}


class Scene:
    """A real scene in a folder, its map from one file, and maps of it in other forms."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self.model = folder, model
        pixels, self.transform = real_scene()
        self.pixels = pixels[:, :200, :220]
        self.whole = write(folder / "whole" / "scene.tif", self.pixels, self.transform)
        self.labels, _ = self.map(self.whole)

    def map(self, *paths: Path | str, output: str = "", **settings) -> tuple[np.ndarray, list[str]]:
        """Labels of paths as one image, and the warnings."""
        report = Recorder()
        output = output or str(self.folder / "map.tif")
        settings = {"model": str(self.model), "device": "cpu", "precision": "fp32", **settings}
        segment(segmentation_job(tuple(map(str, paths)), output, **settings), report)
        return read_labels(Path(output)), report.warnings

    def tiles(self, folder: Path, bands: slice = np.s_[:], name: str = "{}.tif", **settings) -> list[Path]:
        """The scene's tiles of some bands as files."""
        parts = cut(self.pixels[bands], self.transform, **CUTS)
        return [write(folder / name.format(tile), *part, **settings) for tile, part in parts.items()]


@pytest.fixture(scope="module")
def scene(tmp_path_factory, small_model) -> Scene:
    return Scene(tmp_path_factory.mktemp("scene"), small_model)


def test_the_map_of_the_scene_has_many_classes(scene):
    assert len(np.unique(scene.labels)) > 3  # else every comparison below would be trivial


def test_several_tiles_give_the_map_of_the_whole(scene, tmp_path):
    labels, told = scene.map(*scene.tiles(tmp_path))
    np.testing.assert_array_equal(labels, scene.labels)
    assert told == ["6 rasters are taken as one image."]


def test_a_folder_of_tiles_gives_the_map_of_the_whole(scene, tmp_path):
    tiles = scene.tiles(tmp_path / "tiles")
    (tmp_path / "tiles" / f"{tiles[0].name}.aux.xml").write_text("<PAMDataset/>")
    (tmp_path / "tiles" / "read me.txt").write_text("tiles")
    labels, told = scene.map(tmp_path / "tiles")
    np.testing.assert_array_equal(labels, scene.labels)
    assert told == ["6 rasters are taken as one image."]


def test_a_folder_that_holds_its_tiles_in_folders_gives_the_map_of_the_whole(scene, tmp_path):
    scene.tiles(tmp_path / "BDORTHO" / "ORTHOHR" / "1_DONNEES_LIVRAISON_2023-01-00114" / "OHR_RVB")
    labels, _ = scene.map(tmp_path / "BDORTHO")
    np.testing.assert_array_equal(labels, scene.labels)


def test_a_virtual_raster_of_a_folders_tiles_does_not_count_twice(scene, tmp_path):
    tiles = scene.tiles(tmp_path)
    rasterio.shutil.copy(str(tiles[0]), str(tmp_path / "some.vrt"), driver="VRT")
    labels, told = scene.map(tmp_path)
    np.testing.assert_array_equal(labels, scene.labels)
    assert told == ["6 rasters are taken as one image."]


@pytest.mark.parametrize("form", ["GPKG", "GeoJSON", "ESRI Shapefile"])
@pytest.mark.parametrize("relative", [True, False])
def test_a_tile_index_gives_the_map_of_the_whole(scene, tmp_path, form, relative):
    tiles = scene.tiles(tmp_path / "tiles")
    index = tmp_path / f"index.{ {'GPKG': 'gpkg', 'GeoJSON': 'geojson'}.get(form, 'shp') }"
    write_index(index, form, [f"tiles/{tile.name}" if relative else str(tile) for tile in tiles])
    labels, told = scene.map(index)
    np.testing.assert_array_equal(labels, scene.labels)
    assert told == ["6 rasters are taken as one image."]


def write_index(path: Path, form: str, names: list[str], field: str = "location") -> None:
    import pyogrio.raw
    import shapely

    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array([shapely.box(0, 0, 1, 1)] * len(names))),
        field_data=[np.array(["IGN"] * len(names), object), np.array(names, object)],
        fields=["source", field],
        geometry_type="Polygon",
        crs="EPSG:2154",
        driver=form,
    )


def test_an_index_with_paths_in_another_field_is_read(scene, tmp_path):
    tiles = scene.tiles(tmp_path)
    write_index(tmp_path / "dalles.shp", "ESRI Shapefile", [tile.name for tile in tiles], "NOM")
    labels, _ = scene.map(tmp_path / "dalles.shp")
    np.testing.assert_array_equal(labels, scene.labels)


def test_a_vector_file_without_paths_is_refused(scene, tmp_path):
    write_index(tmp_path / "roads.gpkg", "GPKG", ["A9", "N113"])
    with pytest.raises(BadInput, match=r"roads\.gpkg is no tile index") as refused:
        scene.map(tmp_path / "roads.gpkg")
    assert refused.value.field == "input"


def test_tiles_of_four_bands_whose_infrared_claims_to_be_transparency_give_the_map_of_the_whole(scene, tmp_path):
    claiming = {"photometric": "RGB", "alpha": "YES"}
    whole = write(tmp_path / "whole.tif", scene.pixels[:4], scene.transform, **claiming)
    (tmp_path / "tiles").mkdir()
    scene.tiles(tmp_path / "tiles", np.s_[:4], **claiming)
    expected, _ = scene.map(whole)
    labels, _ = scene.map(tmp_path / "tiles")
    np.testing.assert_array_equal(labels, expected)
    assert labels.all()


def test_places_between_tiles_are_nodata_and_no_others(scene, tmp_path):
    tiles = scene.tiles(tmp_path / "tiles", np.s_[:4], photometric="RGB", alpha="YES")
    tiles[2].unlink()  # the columns 97 to 160, the rows to 61
    holed = scene.pixels.copy()[:4]
    holed[:, :61, 97:160] = 0
    whole = write(tmp_path / "whole.tif", holed, scene.transform, nodata=0)
    expected, _ = scene.map(whole)
    labels, told = scene.map(tmp_path / "tiles")
    assert any(text.startswith("9 % of the aerial raster was never filled") for text in told)
    assert not labels[:61, 97:160].any()
    assert (labels == 0).sum() == 61 * 63
    np.testing.assert_array_equal(labels, expected)


def test_transparency_of_tiles_is_that_of_the_whole(scene, tmp_path):
    opaque = np.full((1, *scene.pixels.shape[1:]), 255, np.uint8)
    opaque[:, 40:90, 50:130] = 0
    image = np.concatenate([scene.pixels[:3], opaque])
    settings = {"photometric": "RGB", "alpha": "YES"}
    expected, _ = scene.map(write(tmp_path / "whole" / "whole.tif", image, scene.transform, **settings))
    for name, part in cut(image, scene.transform, **CUTS).items():
        write(tmp_path / "tiles" / f"{name}.tif", *part, **settings)
    labels, _ = scene.map(tmp_path / "tiles")
    assert not labels[40:90, 50:130].any()
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("settings", [{"nodata": 0}, {}], ids=["all", "one"])
def test_nodata_of_tiles_is_that_of_the_whole(scene, tmp_path, settings):
    holed = scene.pixels.copy()[:3]
    holed[:, 100:, :50] = 0
    holed[0, :50, 120:200] = 0  # in one band only
    whole = write(tmp_path / "whole.tif", holed, scene.transform, nodata=0)
    parts = cut(holed, scene.transform, **CUTS)
    (tmp_path / "tiles").mkdir()
    for name, part in parts.items():
        with_nodata = {"nodata": 0} if name == "tile_0000_0061" else settings
        write(tmp_path / "tiles" / f"{name}.tif", *part, **with_nodata)
    expected, _ = scene.map(whole)
    labels, _ = scene.map(tmp_path / "tiles")
    assert not labels[100:, :50].any()
    np.testing.assert_array_equal(labels, expected)


def test_blocks_of_a_tile_that_were_never_written_are_nodata(scene, tmp_path):
    image = np.tile(scene.pixels[:3], (1, 2, 2))[:, :256, :300]
    holed = image.copy()
    holed[:, 128:, :128] = 0
    expected, _ = scene.map(write(tmp_path / "whole" / "whole.tif", holed, scene.transform, nodata=0))
    blocks = {"tiled": True, "blockxsize": 128, "blockysize": 128}
    part = write(tmp_path / "tiles" / "a.tif", holed[:, :, :200], scene.transform, SPARSE_OK="TRUE", **blocks)
    write(tmp_path / "tiles" / "b.tif", image[:, :, 200:], scene.transform * Affine.translation(200, 0), **blocks)
    assert part.stat().st_size < 3 * 256 * 200
    labels, told = scene.map(tmp_path / "tiles")
    assert not labels[128:, :128].any()
    np.testing.assert_array_equal(labels, expected)
    assert any(text.startswith("21 % of the aerial raster was never filled") for text in told)


def test_a_geopackage_that_is_a_raster_is_one(scene, tmp_path):
    path = tmp_path / "raster.gpkg"
    tile = scene.tiles(tmp_path, np.s_[:3], photometric="RGB")[0]
    rasterio.shutil.copy(str(tile), str(path), driver="GPKG", TILE_FORMAT="PNG")
    labels, _ = scene.map(path)
    assert labels.any()


def test_where_tiles_overlap_the_later_one_counts(scene, tmp_path):
    first, second = scene.pixels.copy()[:, :, :150], scene.pixels.copy()[:, :, 120:]
    first[:, :, 120:] = 255 - first[:, :, 120:]
    write(tmp_path / "b.tif", second, scene.transform * Affine.translation(120, 0))
    write(tmp_path / "a.tif", first, scene.transform)
    labels, told = scene.map(tmp_path)
    np.testing.assert_array_equal(labels, scene.labels)
    assert any("The rasters overlap" in text for text in told)
    other, _ = scene.map(tmp_path / "b.tif", tmp_path / "a.tif")
    assert (other != scene.labels).any()


@pytest.mark.parametrize("nodata", [0, None])
def test_where_overlapping_tiles_have_no_data_the_one_beneath_is_seen(scene, tmp_path, nodata):
    first, second = scene.pixels.copy()[:3, :, :150], scene.pixels.copy()[:3, :, 100:]
    second[:, :, :30] = 0
    write(tmp_path / "a.tif", first, scene.transform, nodata=nodata)
    write(tmp_path / "b.tif", second, scene.transform * Affine.translation(100, 0), nodata=0)
    expected, _ = scene.map(write(tmp_path / "whole" / "whole.tif", scene.pixels[:3], scene.transform))
    labels, _ = scene.map(tmp_path / "a.tif", tmp_path / "b.tif")
    np.testing.assert_array_equal(labels, expected)


def test_two_images_of_one_place_are_doubted(scene, tmp_path):
    for year in ("2018", "2021"):
        write(tmp_path / f"{year}.tif", scene.pixels, scene.transform)
    _, told = scene.map(tmp_path)
    assert any("2018.tif, 2021.tif lie mostly over other rasters" in text for text in told)


def test_tiles_a_part_of_a_pixel_off_the_grid_are_moved_to_the_nearest(scene, tmp_path):
    tiles = cut(scene.pixels, scene.transform, **CUTS)
    for number, (name, (pixels, transform)) in enumerate(tiles.items()):
        write(tmp_path / f"{name}.tif", pixels, transform * Affine.translation(0.04 * number, -0.07 * number))
    labels, told = scene.map(tmp_path)
    np.testing.assert_array_equal(labels, scene.labels)
    assert any("moved by up to 0.35 of a pixel" in text for text in told)


def test_a_crs_written_otherwise_is_the_same(scene, tmp_path):
    tiles = scene.tiles(tmp_path)
    written = (
        "+proj=lcc +lat_0=46.5 +lon_0=3 +lat_1=49 +lat_2=44 +x_0=700000 +y_0=6600000 +ellps=GRS80 "
        "+towgs84=0,0,0,0,0,0,0 +units=m +no_defs"
    )
    with rasterio.open(tiles[1], "r+") as dataset:
        dataset.crs = written
    labels, told = scene.map(tmp_path)
    np.testing.assert_array_equal(labels, scene.labels)
    assert told == ["6 rasters are taken as one image."]


UNLIKE = {
    "has 4 bands and not 5": lambda pixels, transform: (pixels[:4], transform, {}),
    "has values of type uint16 and not uint8": lambda pixels, transform: (pixels.astype("uint16"), transform, {}),
    "has pixels of 0.4 and not of 0.2": lambda pixels, transform: (pixels, transform * Affine.scale(2), {}),
    "has the CRS EPSG:32631 and not EPSG:2154": lambda pixels, transform: (pixels, transform, {"crs": "EPSG:32631"}),
    "has no georeference": lambda pixels, transform: (pixels, Affine.identity(), {"crs": None}),
    "is turned otherwise": lambda pixels, transform: (pixels, transform * Affine.rotation(20), {}),
}


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("difference", UNLIKE)
def test_a_file_of_another_kind_is_refused_by_name_and_left_out_of_a_folder(scene, tmp_path, difference):
    tiles = scene.tiles(tmp_path)
    pixels, transform, settings = UNLIKE[difference](scene.pixels[:, :90, :90], scene.transform)
    other = write(tmp_path / "another.tif", pixels, transform, **settings)
    with pytest.raises(BadInput, match=f"another.tif {difference}") as refused:
        scene.map(*tiles, other)
    assert refused.value.field == "input"
    labels, told = scene.map(tmp_path)
    np.testing.assert_array_equal(labels, scene.labels)
    assert any(text.endswith("are left out: another.tif.") for text in told)


def test_a_map_in_the_folder_is_no_tile_and_may_be_made_again(scene, tmp_path):
    scene.tiles(tmp_path)
    shutil.copy(scene.folder / "map.tif", tmp_path / "a map.tif")
    labels, told = scene.map(tmp_path)
    np.testing.assert_array_equal(labels, scene.labels)
    assert told == ["6 rasters are taken as one image."]


def test_a_folder_without_rasters_is_refused(scene, tmp_path):
    with pytest.raises(BadInput, match="holds no raster") as refused:
        scene.map(tmp_path)
    assert refused.value.field == "input"


@pytest.mark.parametrize("given", ["files", "folder", "virtual raster"])
@pytest.mark.parametrize("what", ["cut", "empty", "gone"])
def test_a_tile_that_is_not_whole_is_named_before_any_work(scene, tmp_path, given, what):
    tiles = scene.tiles(tmp_path)
    virtual = tmp_path / "virtual" / "all.vrt"
    virtual.parent.mkdir()
    rasterio.shutil.copy(str(tiles[3]), str(virtual), driver="VRT")
    if what == "gone":
        tiles[3].unlink()
    else:
        tiles[3].write_bytes(b"" if what == "empty" else tiles[3].read_bytes()[:-500])
    if given == "folder" and what == "gone":
        pytest.skip("a folder does not tell what it should hold")
    paths = {"files": tiles, "folder": [tmp_path], "virtual raster": [virtual]}[given]
    with pytest.raises(BadInput, match=f"{tiles[3].name}.* (truncated|empty|does not exist)") as refused:
        scene.map(*paths, output=str(tmp_path / "map.tif"))
    assert refused.value.field == "input"
    assert not (tmp_path / "map.tif").exists()


def test_the_output_may_not_be_one_of_the_tiles(scene, tmp_path):
    tiles = scene.tiles(tmp_path / "tiles")
    rasterio.shutil.copy(str(tiles[3]), str(tmp_path / "all.vrt"), driver="VRT")
    for given in (tmp_path / "tiles", tmp_path / "all.vrt"):
        with pytest.raises(BadInput, match="is one of the inputs"):
            scene.map(given, output=str(tiles[3]))
    heights = write(tmp_path / "heights.tif", scene.pixels[4:], scene.transform)
    rasterio.shutil.copy(str(heights), str(tmp_path / "heights.vrt"), driver="VRT")
    with pytest.raises(BadInput, match="is one of the inputs"):
        scene.map(scene.whole, elevation=str(tmp_path / "heights.vrt"), output=str(heights))


def test_heights_whose_file_is_gone_are_refused_before_any_work(scene, tmp_path):
    heights = write(tmp_path / "heights.tif", scene.pixels[4:], scene.transform)
    rasterio.shutil.copy(str(heights), str(tmp_path / "heights.vrt"), driver="VRT")
    heights.unlink()
    with pytest.raises(BadInput, match=r"of which the elevation raster .* is made, does not exist") as refused:
        scene.map(scene.whole, elevation=str(tmp_path / "heights.vrt"))
    assert refused.value.field == "elevation"


def test_the_provenance_names_all_files(scene, tmp_path):
    tiles = scene.tiles(tmp_path)
    scene.map(*tiles)
    with rasterio.open(scene.folder / "map.tif") as dataset:
        provenance = json.loads(dataset.tags()["FLAIR_LANDCOVER"])
    assert provenance["job"]["input"] == [str(tile) for tile in tiles]
