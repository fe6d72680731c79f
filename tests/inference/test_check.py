"""Bad input: one sentence, exit status 2, before any work, and nothing left behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import rasterio.shutil
import torch
from affine import Affine

from flair_landcover.__main__ import main
from flair_landcover.contract.cards import ModelCard
from flair_landcover.contract.errors import BadInput
from flair_landcover.inference.check import check_job
from flair_landcover.inference.raster.working_folder import WorkingFolder
from flair_landcover.models.networks.build import build_network
from flair_landcover.tests.jobs import changed, segmentation_job
from flair_landcover.tests.notices import in_english

from .conftest import make_model, picture, write_raster

FLAIR_INC_OUTPUTS = (*range(1, 13), 13, 13, 0, 0, 0, 13, 0)


@pytest.fixture
def aerial(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return write_raster(folder / "aerial.tif", picture(3, 200, 200).astype(np.uint8))


@pytest.fixture
def refused(tmp_path: Path, small_model: Path, capfd: pytest.CaptureFixture[str]):
    """Runs the command line, holds that it refuses as it should, and gives back its sentence."""
    folder = tmp_path / "out"
    folder.mkdir()

    def run(raster: Path, *arguments: object, output: Path | None = None, model: Path | None = None) -> str:
        before = sorted(tmp_path.rglob("*"))
        status = main(
            ["segment", str(raster), str(output or folder / "map.tif"), "--model", str(model or small_model)]
            + [str(argument) for argument in arguments]
        )
        lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("flair_landcover: ")]
        assert status == 2
        assert len(lines) == 1
        assert sorted(tmp_path.rglob("*")) == before
        return lines[0]

    return run


def test_a_raster_without_crs_and_georeference_is_refused(tmp_path, refused):
    raster = write_raster(tmp_path / "a.tif", picture(3, 64, 64).astype(np.uint8), crs=None, transform=None)
    assert "no georeference" in refused(raster)


def test_a_raster_without_crs_whose_pixels_cannot_be_metres_is_refused(tmp_path, refused):
    raster = write_raster(
        tmp_path / "a.tif", picture(3, 64, 64).astype(np.uint8), crs=None, transform=Affine(2e-6, 0, 2, 0, -2e-6, 48)
    )
    assert "assign its CRS" in refused(raster)


def test_a_geographic_crs_is_refused_with_what_to_do(tmp_path, refused):
    raster = write_raster(
        tmp_path / "a.tif",
        picture(3, 64, 64).astype(np.uint8),
        crs="EPSG:4326",
        transform=Affine(2e-6, 0, 2, 0, -2e-6, 48),
    )
    assert "reproject it first" in refused(raster)


def test_an_extent_outside_the_raster_is_refused(aerial, refused):
    assert "outside the aerial raster" in refused(aerial, "--extent", 0, 0, 10, 10)


def test_an_empty_extent_is_refused(aerial, refused):
    assert "is empty" in refused(aerial, "--extent", 10, 0, 0, 10)


@pytest.mark.parametrize(
    "extent",
    [(0, 0, "inf", 10), (0, "nan", 10, 10), ("-1e300", "-1e300", "1e300", "1e300"), ("-inf", "-nan", 10, "1e999")],
)
def test_an_extent_that_is_not_four_numbers_is_refused(aerial, refused, extent):
    assert "not four numbers" in refused(aerial, "--extent", *extent)


def test_a_mask_without_polygons_is_refused(aerial, small_model, tmp_path):
    line = {"type": "LineString", "coordinates": [(652000, 6862000), (652010, 6861990)]}
    job = segmentation_job(str(aerial), str(tmp_path / "map.tif"), model=str(small_model), mask=(line,))
    with pytest.raises(BadInput, match="no valid polygons"):
        check_job(job, lambda warning: None)


def test_heights_of_another_place_are_refused(tmp_path, aerial, refused):
    heights = write_raster(
        tmp_path / "heights.tif", np.ones((1, 50, 50), np.float32), transform=Affine(1, 0, 152000, 0, -1, 6862000)
    )
    assert "does not cover the extent" in refused(aerial, "--elevation", heights)


def test_heights_that_cannot_be_transformed_to_the_aerial_crs_are_refused(tmp_path, refused):
    local = 'LOCAL_CS["somewhere",UNIT["metre",1],AXIS["E",EAST],AXIS["N",NORTH]]'
    raster = write_raster(tmp_path / "local.tif", picture(3, 64, 64).astype(np.uint8), crs=local)
    away = Affine(1, 0, 152000, 0, -1, 6862000)
    heights = write_raster(tmp_path / "heights.tif", np.ones((1, 50, 50), np.float32), transform=away)
    assert "check both CRS" in refused(raster, "--elevation", heights)


def test_bands_of_8_and_of_16_bits_in_one_raster_are_refused(tmp_path, refused):
    colours = write_raster(tmp_path / "colours.tif", picture(4, 64, 64).astype(np.uint8), alpha="no")
    write_raster(tmp_path / "heights.tif", picture(1, 64, 64, top=4000).astype(np.uint16))
    rasterio.shutil.copy(colours, tmp_path / "mixed.vrt", driver="VRT")
    head, tail = (tmp_path / "mixed.vrt").read_text().split('<VRTRasterBand dataType="Byte" band="4"')
    tail = tail.replace("colours.tif", "heights.tif").replace("<SourceBand>4<", "<SourceBand>1<")
    (tmp_path / "mixed.vrt").write_text(f'{head}<VRTRasterBand dataType="UInt16" band="4"{tail}')
    assert "8 and of 16 bits" in refused(tmp_path / "mixed.vrt")


def test_a_mosaic_whose_file_is_gone_is_refused(tmp_path, refused):
    raster = write_raster(tmp_path / "a.tif", picture(3, 64, 64, top=4000).astype(np.uint16))
    rasterio.shutil.copy(raster, tmp_path / "mosaic.vrt", driver="VRT")
    raster.unlink()
    said = refused(tmp_path / "mosaic.vrt")
    assert f"The file {raster}, of which the aerial raster {tmp_path / 'mosaic.vrt'} is made, does not exist" in said


def test_a_raster_of_two_bands_is_refused(tmp_path, refused):
    raster = write_raster(tmp_path / "a.tif", picture(2, 64, 64).astype(np.uint8))
    assert "2 bands and none for blue" in refused(raster)


def test_bands_that_the_raster_does_not_have_are_refused(aerial, refused):
    assert "band 7" in refused(aerial, "--bands", "R=1 G=2 B=7")


def test_bands_that_cannot_be_read_are_refused(aerial, refused):
    assert "R=1 G=2 B=3" in refused(aerial, "--bands", "red green blue")


def test_a_text_file_is_refused(tmp_path, refused):
    text = tmp_path / "a.tif"
    text.write_text("no raster")
    assert "cannot be read as a raster" in refused(text)


def test_a_missing_file_is_refused(tmp_path, refused):
    assert "does not exist" in refused(tmp_path / "missing.tif")


@pytest.mark.parametrize("settings", [{}, {"tiled": True, "blockxsize": 128, "blockysize": 128, "compress": "deflate"}])
def test_a_truncated_tiff_is_refused_before_any_work(tmp_path, refused, settings):
    whole = write_raster(tmp_path / "whole.tif", picture(3, 512, 512).astype(np.uint8), driver="GTiff", **settings)
    cog = tmp_path / "cog.tif"
    rasterio.shutil.copy(whole, cog, driver="COG")  # its directory comes first, so a part of it still opens
    cut = tmp_path / "cut.tif"
    cut.write_bytes(cog.read_bytes()[: cog.stat().st_size * 2 // 3])
    assert "truncated" in refused(cut)


def test_a_tiff_cut_before_its_directory_is_refused(tmp_path, refused):
    whole = write_raster(tmp_path / "whole.tif", picture(3, 512, 512).astype(np.uint8), compress="deflate")
    cut = tmp_path / "cut.tif"
    cut.write_bytes(whole.read_bytes()[:1000])
    assert "cut.tif" in refused(cut)


def test_values_of_another_type_are_refused(tmp_path, refused):
    raster = write_raster(tmp_path / "a.tif", picture(3, 64, 64).astype(np.complex64))
    assert "complex64" in refused(raster)


def test_pixels_that_are_too_coarse_are_refused(tmp_path, refused):
    raster = write_raster(
        tmp_path / "a.tif", picture(3, 64, 64).astype(np.uint8), transform=Affine(10, 0, 652000, 0, -10, 6862000)
    )
    assert "too coarse" in refused(raster)


def sentinel2(path: Path, bands: int = 10, left: float = 651800) -> Path:
    """A Sentinel-2 raster that lies under `aerial`, unless `left` says otherwise."""
    pixels = picture(bands, 60, 60, top=3000).astype(np.uint16)
    return write_raster(path, pixels, transform=Affine(10, 0, left, 0, -10, 6862200))


def test_a_sentinel2_raster_with_nine_bands_is_refused(tmp_path, aerial, utt_model, refused):
    raster = sentinel2(tmp_path / "s2_2021-06-01.tif", bands=9)
    assert "9 bands" in refused(aerial, "--sentinel2", raster, model=utt_model)


def test_a_sentinel2_raster_without_a_date_is_refused(tmp_path, aerial, utt_model, refused):
    raster = sentinel2(tmp_path / "s2.tif")
    assert "date" in refused(aerial, "--sentinel2", raster, model=utt_model)


def test_a_sentinel2_raster_of_another_place_is_refused(tmp_path, aerial, utt_model, refused):
    raster = sentinel2(tmp_path / "s2_2021-06-01.tif", left=151800)
    assert "does not cover the extent" in refused(aerial, "--sentinel2", raster, model=utt_model)


def test_a_model_folder_without_weights_is_refused(tmp_path, aerial, small_model, refused):
    broken = tmp_path / "broken"
    broken.mkdir()
    shutil.copy(small_model / "card.json", broken)
    assert "weights.safetensors" in refused(aerial, model=broken)


def test_a_model_whose_weights_are_not_its_own_is_refused(tmp_path, aerial, small_model, refused):
    broken = tmp_path / "broken"
    shutil.copytree(small_model, broken)
    with open(broken / "weights.safetensors", "r+b") as file:
        file.seek(-4, 2)
        file.write(b"\0\1\2\3")
    assert "install the model again" in refused(aerial, model=broken)


def test_an_unknown_model_is_refused(tmp_path, aerial, refused):
    assert "no model" in refused(aerial, model=tmp_path / "nowhere")


def test_an_output_folder_that_does_not_exist_is_refused(tmp_path, aerial, refused):
    assert "does not exist" in refused(aerial, output=tmp_path / "nowhere" / "map.tif")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to (/proc)")
def test_an_output_folder_that_cannot_be_written_is_refused(aerial, refused):
    assert "cannot be written" in refused(aerial, output=Path("/proc/map.tif"))


def test_an_output_that_is_the_input_is_refused(aerial, refused):
    assert "one of the inputs" in refused(aerial, output=aerial)


def test_an_output_that_is_no_geotiff_is_refused(tmp_path, aerial, refused):
    assert ".tif" in refused(aerial, output=tmp_path / "out" / "map.png")


def test_two_outputs_of_one_name_are_refused(tmp_path, aerial, refused):
    assert "own name" in refused(aerial, "--confidence", tmp_path / "out" / "map.tif")


def test_an_unknown_device_is_refused(aerial, refused):
    assert "tpu" in refused(aerial, "--device", "tpu")


def test_a_terrain_model_without_a_surface_model_is_refused(tmp_path, aerial, refused):
    terrain = write_raster(tmp_path / "terrain.tif", np.ones((1, 50, 50), np.float32))
    assert "give the surface model as elevation" in refused(aerial, "--terrain", terrain)


def test_a_terrain_model_of_another_place_is_refused_by_its_name(tmp_path, aerial, refused):
    heights = write_raster(tmp_path / "heights.tif", np.ones((1, 200, 200), np.float32))
    terrain = write_raster(
        tmp_path / "terrain.tif", np.ones((1, 50, 50), np.float32), transform=Affine(1, 0, 152000, 0, -1, 6862000)
    )
    said = refused(aerial, "--elevation", heights, "--terrain", terrain)
    assert "The terrain model" in said and "does not cover the extent" in said


def warnings_of(raster: Path, model: Path, **settings: object) -> list[str]:
    warnings: list[str] = []
    output = str(raster.with_name("map.tif"))
    check_job(segmentation_job(str(raster), output, model=str(model), **settings), in_english(warnings))
    return warnings


@pytest.mark.parametrize(
    ("side", "extent", "said"),
    [
        (40, None, []),
        (20, None, ["The heights cover 25 % of the extent: the rest counts as bare ground."]),
        (1, None, ["The heights cover 1 % of the extent: the rest counts as bare ground."]),
        (20, (652000, 6861980, 652020, 6862000), []),
    ],
)
def test_heights_of_a_part_of_the_extent_are_said_to_be_that(side, extent, said, aerial, small_model, tmp_path):
    heights = write_raster(
        tmp_path / "heights.tif", np.ones((1, side, side), np.float32), transform=Affine(1, 0, 652000, 0, -1, 6862000)
    )
    warnings = warnings_of(aerial, small_model, elevation=str(heights), extent=extent)
    assert [warning for warning in warnings if "cover" in warning] == said


def test_a_terrain_model_of_a_part_of_the_extent_is_said_to_be_that(aerial, small_model, tmp_path):
    heights = write_raster(tmp_path / "heights.tif", np.ones((1, 200, 200), np.float32))
    terrain = write_raster(tmp_path / "terrain.tif", np.ones((1, 100, 200), np.float32))
    warnings = warnings_of(aerial, small_model, elevation=str(heights), terrain=str(terrain))
    assert "The terrain model covers 50 % of the extent: the rest counts as bare ground." in warnings


def test_heights_in_another_crs_that_reach_around_the_extent_cover_it(aerial, small_model, tmp_path):
    heights = write_raster(
        tmp_path / "heights.tif",
        np.ones((1, 40, 60), np.float32),
        crs="EPSG:4326",
        transform=Affine(2e-5, 0, 2.3457, 0, -2e-5, 48.8563),
    )
    warnings = warnings_of(aerial, small_model, elevation=str(heights))
    assert not [warning for warning in warnings if "cover" in warning]


LINE = {"type": "LineString", "coordinates": [(652000, 6862000), (652010, 6861990)]}


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        ("tta", {"tta": "all"}),
        ("precision", {"precision": "int4"}),
        ("device", {"device": "tpu"}),
        ("model", {"model": "nowhere"}),
        ("input", {"input": "missing.tif"}),
        ("input", {"input": "two.tif"}),
        ("bands", {"bands": "red green"}),
        ("bands", {"bands": "R=1 G=2 B=9"}),
        ("bands", {"bands": "R=1 G=2"}),
        ("extent", {"extent": (0, 0, 1, 1)}),
        ("extent", {"extent": (0, 0, 1)}),
        ("mask", {"mask": (LINE,)}),
        ("elevation", {"elevation": "missing.tif"}),
        ("elevation", {"elevation": "elsewhere.tif"}),
        ("terrain", {"terrain": "one.tif"}),
        ("terrain", {"elevation": "one.tif", "terrain": "elsewhere.tif"}),
        ("sentinel2", {"sentinel2": "one.tif", "model": "utt"}),
        ("sentinel2", {"sentinel2": "missing.tif", "model": "utt"}),
        ("output", {"output": "map.png"}),
        ("output", {"output": "nowhere/map.tif"}),
        ("output", {"output": "aerial.tif"}),
        ("confidence", {"confidence": "map.tif"}),
        ("confidence", {"confidence": "nowhere/c.tif"}),
        ("probabilities", {"probabilities": "p.png"}),
    ],
)
def test_bad_input_names_its_setting(field, settings, aerial, small_model, utt_model, tmp_path, monkeypatch):
    monkeypatch.chdir(aerial.parent)
    write_raster(Path("one.tif"), picture(1, 200, 200).astype(np.uint8))
    write_raster(Path("two.tif"), picture(2, 200, 200).astype(np.uint8))
    write_raster(
        Path("elsewhere.tif"), np.ones((1, 50, 50), np.float32), transform=Affine(1, 0, 152000, 0, -1, 6862000)
    )
    if settings.get("model") == "utt":
        settings = {**settings, "model": str(utt_model)}
    given = {"input": "aerial.tif", "output": "map.tif", "model": str(small_model), **settings}
    with pytest.raises(BadInput) as caught:
        check_job(segmentation_job(**given), lambda warning: None)
    assert caught.value.field == field


def test_a_band_that_the_model_cannot_do_without_is_about_the_bands(aerial, tmp_path):
    card = ModelCard(id="strict", title="Strict", architecture="smp:Unet:resnet18", tile_size=128, fill={})
    job = segmentation_job(str(aerial), str(tmp_path / "map.tif"), model=str(make_model(tmp_path / "strict", card)))
    with pytest.raises(BadInput, match=r"needs near infrared.* or choose U-T&T starter") as caught:
        check_job(job, lambda warning: None)
    assert caught.value.field == "bands"


def test_a_full_disk_is_about_the_first_output_on_it(aerial, small_model, tmp_path, monkeypatch):
    free = shutil.disk_usage(tmp_path)._replace(free=52_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: free)
    job = segmentation_job(str(aerial), str(tmp_path / "map.tif"), model=str(small_model))
    check_job(job, lambda warning: None)
    with pytest.raises(BadInput, match="free some space") as caught:
        check_job(changed(job, probabilities=str(tmp_path / "p.tif"), confidence=str(tmp_path / "c.tif")), print)
    assert caught.value.field == "output"


def test_a_checkpoint_file_is_checked_by_its_own_card_and_read_again_when_it_changes(aerial, tmp_path):
    card = ModelCard(id="unet", title="U-Net", architecture="smp:Unet:resnet34", outputs=FLAIR_INC_OUTPUTS)
    weights = build_network(card).state_dict()
    path = tmp_path / "FLAIR-INC_rgbie_15cl.pth"
    torch.save({f"model.seg_model.{name}": value for name, value in weights.items()}, path)
    job = segmentation_job(str(aerial), str(tmp_path / "map.tif"), model=str(path))
    with pytest.raises(BadInput, match=r"FLAIR-INC U-Net from .* needs near infrared"):
        check_job(job, lambda warning: None)
    path.write_bytes(b"no checkpoint any more")
    with pytest.raises(BadInput, match=r"not a model checkpoint|not a checkpoint") as caught:
        check_job(job, lambda warning: None)
    assert caught.value.field == "model"


def test_checking_a_model_folder_does_not_load_torch(aerial, small_model, tmp_path):
    code = (
        "import sys; from flair_landcover.inference.forecast import forecast\n"
        "from flair_landcover.tests.jobs import segmentation_job\n"
        f"job = segmentation_job({str(aerial)!r}, {str(tmp_path / 'map.tif')!r}, model={str(small_model)!r})\n"
        "print(forecast(job, lambda: False).tiles, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.home())
    assert done.stdout.split() == ["4", "False"]


def test_a_missing_argument_is_one_line_and_status_2(capfd):
    assert main(["segment"]) == 2
    assert len(capfd.readouterr().err.strip().splitlines()) == 1


def test_a_map_that_another_run_writes_is_refused_before_any_work(aerial, small_model, tmp_path):
    job = segmentation_job(str(aerial), str(tmp_path / "map.tif"), model=str(small_model))
    with WorkingFolder(tmp_path, "map.tif"), pytest.raises(BadInput, match="Another run writes") as caught:
        check_job(job, lambda warning: None)
    assert caught.value.field == "output"
    check_job(job, lambda warning: None)


def test_a_check_leaves_the_folder_of_a_run_that_begins_alone_and_is_not_taken_for_one(aerial, small_model, tmp_path):
    job = segmentation_job(str(aerial), str(tmp_path / "map.tif"), model=str(small_model))
    stop = threading.Event()
    failures: list[BaseException] = []

    def check() -> None:
        while not stop.is_set():
            try:
                check_job(job, lambda warning: None)
            except BadInput as error:
                if "Another run writes" not in str(error):  # which is so
                    failures.append(error)

    checking = threading.Thread(target=check)
    checking.start()
    for _ in range(200):
        with WorkingFolder(tmp_path, "map.tif") as own:
            assert own.is_alone()
    stop.set()
    checking.join()
    assert failures == []
