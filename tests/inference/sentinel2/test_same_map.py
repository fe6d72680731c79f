"""Maps with one real series in the forms in which analysts have it: the same labels, to the pixel."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.inference.segment import segment
from flair_landcover.tests.inference.sentinel2.products import from_series, make_product
from flair_landcover.tests.jobs import changed, segmentation_job

from ..conftest import CRS, ORIGIN, Recorder, picture, read_labels, write_raster
from .forms import real_cube, write, write_flair
from .test_mapping import tiny_model  # noqa: F401
from .theia_products import make_theia, zip_folder

# The cube lies elsewhere and the dates are made up: later ones have the offset.
PLACE = Affine(10, 0, ORIGIN[0] - 300, 0, -10, ORIGIN[1] + 300)
DATES = ("2023-03-10", "2023-06-15", "2023-08-20")
EPSG = 2154


@pytest.fixture(scope="module")
def real() -> np.ndarray:
    """Two clear dates and a cloudy one of the real cube, uint16 (3, 10, 64, 64); bands of 20 m in squares of 2 x 2."""
    (path,) = real_cube().glob("SEN2_*_data.npy")
    return np.load(path)[[16, 36, 34]]


def clouds_of(index: int) -> np.ndarray:
    """A mask of 20 m, 1 where the date has clouds: the third date all over."""
    return np.full((32, 32), index == 2, np.uint8)


def rasters(folder: Path, values: np.ndarray, mask: int = 100, **settings) -> Path:
    """A folder of one raster a date, with masks whose clouds are `mask`."""
    for index, (date, each) in enumerate(zip(DATES, values)):
        write(folder / f"{date}.tif", each, transform=PLACE, crs=CRS, **settings)
        place = PLACE * Affine.scale(2)
        write(folder / f"{date}_clouds.tif", (clouds_of(index) * mask)[None], transform=place, crs=CRS)
    return folder


@pytest.fixture(scope="module")
def job(tmp_path_factory, tiny_model, real) -> SegmentationJob:  # noqa: F811
    """The well-formed series: products with their metadata."""
    folder = tmp_path_factory.mktemp("well formed")
    aerial = write_raster(folder / "a.tif", picture(5, 200, 230).astype(np.uint8))
    return segmentation_job(
        str(aerial),
        str(folder / "map.tif"),
        sentinel2=str(rasters(folder / "N0300", real)),
        model=str(tiny_model),
        device="cpu",
        precision="fp32",
    )


@pytest.fixture(scope="module")
def right(job, real) -> dict[bool, np.ndarray]:
    """The labels with the series as rasters of 10 m, and (True) with its bands of 20 m in files of their own."""
    folder = Path(job.output).parent
    whole = products(folder / "products", real, "03.01")
    return {
        False: mapped(job)[0],
        True: mapped(changed(job, sentinel2=str(whole), output=str(folder / "products.tif")))[0],
    }


def mapped(job: SegmentationJob) -> tuple[np.ndarray, list[str], tuple[str, ...]]:
    """Labels, the codes of what is told of the series, and the dates that were used."""
    report = Recorder()
    result = segment(job, report)
    codes = [notice.code for notice in report.notices if notice.setting == "sentinel2"]
    return read_labels(Path(job.output)), codes, result.sentinel2_dates


def products(folder: Path, values: np.ndarray, baseline: str) -> Path:
    for index, (date, each) in enumerate(zip(DATES, values)):
        pixels = replace(from_series(each), clouds=clouds_of(index) * 100, snow=clouds_of(index) * 0)
        make_product(folder, pixels, date, baseline, transform=PLACE, epsg=EPSG)
    return folder


def theias(folder: Path, values: np.ndarray) -> Path:
    for index, (date, each) in enumerate(zip(DATES, values)):
        clm = clouds_of(index) * 0b11
        make_theia(
            folder, from_series(each), date, clm, clm * 0, transform=PLACE, epsg=EPSG, sre=from_series(each // 2)
        )
    return folder


def zipped(folder: Path) -> Path:
    for product in [each for each in folder.iterdir() if each.is_dir()]:
        zip_folder(product)
        shutil.rmtree(product)
    return folder


def bands_of_products(folder: Path, values: np.ndarray, metadata: bool) -> Path:
    """Band files and cloud masks, a folder a date, with or without the metadata; their names say the date alone."""
    for safe in sorted(products(folder / "whole", values, "05.10").iterdir()):
        date = safe.name[11:19]
        parts = folder / "parts" / date
        parts.mkdir(parents=True)
        for file in safe.rglob("*.jp2"):
            name = file.name if file.parent.name == "QI_DATA" else file.name.split("_", 2)[2]
            shutil.copy(file, parts / name)
        if metadata:
            shutil.copy(safe / "MTD_MSIL2A.xml", parts)
    return folder / "parts"


def stretched(values: np.ndarray) -> np.ndarray:
    return np.rint(np.minimum(values / 10_000, 1) * 65_535).astype(np.uint16)


def arrays(folder: Path, values: np.ndarray) -> Path:
    """FLAIR's layout with floats of 0 to 1 and masks of 0 and 1."""
    clouds = np.stack([clouds_of(index).repeat(2, axis=0).repeat(2, axis=1) for index in range(3)])
    path = write_flair(folder, values.astype(np.float32) / 10_000, np.stack([clouds * 0, clouds], axis=1), DATES)
    path.with_suffix(".json").write_text(f'{{"crs": "{CRS}", "transform": {list(PLACE[:6])}}}')
    return path


TWO_SIZES = (
    "products with the offset",
    "Theia's folders",
    "Theia's zips",
    "bands with metadata beside them",
    "bands without metadata",
)
FORMS: dict[str, tuple[Callable[[Path, np.ndarray], Path], list[str]]] = {
    "products with the offset": (lambda f, v: products(f, v, "05.10"), []),
    "Theia's folders": (theias, []),
    "Theia's zips": (lambda f, v: zipped(theias(f, v)), []),
    "bands with metadata beside them": (lambda f, v: bands_of_products(f, v, metadata=True), []),
    "bands without metadata": (lambda f, v: bands_of_products(f, v, metadata=False), ["offset_taken_off"]),
    "harmonised rasters": (rasters, ["offset_not_in"]),
    "rasters with the offset": (lambda f, v: rasters(f, v + 1000), ["offset_taken_off"]),
    "rasters with the offset, named": (lambda f, v: rasters(f / "N0509", v + 1000), []),
    "stretched to 65535": (
        lambda f, v: rasters(f / "N0300", stretched(v), mask=1),
        ["stretched_reflectance", "mask_of_0_and_1"],
    ),
    "floats with a fill": (
        lambda f, v: rasters(f / "N0300", v.astype(np.float32) / 10_000, mask=255),
        ["mask_of_0_and_255"],
    ),
    "arrays of floats": (arrays, ["mask_of_0_and_1", "offset_not_in"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_map_is_the_same_in_every_form(tmp_path, job, right, real, form):
    make, told = FORMS[form]
    series = make(tmp_path / "series", np.minimum(real, 10_000))
    labels, codes, dates = mapped(changed(job, sentinel2=str(series), output=str(tmp_path / "map.tif")))
    assert sorted(codes) == sorted(told)
    assert dates == DATES[:2]
    np.testing.assert_array_equal(labels, right[form in TWO_SIZES])


def test_the_clouds_and_the_offset_matter(tmp_path, job, right, real):
    """What the map was without them."""
    clear = rasters(tmp_path / "clear" / "N0300", real, mask=0)
    with_clouds, _, dates = mapped(changed(job, sentinel2=str(clear), output=str(tmp_path / "clouds.tif")))
    assert dates == DATES
    assert (with_clouds != right[False]).any()
    shifted = rasters(tmp_path / "N0300", real + 1000)
    with_offset, _, _ = mapped(changed(job, sentinel2=str(shifted), output=str(tmp_path / "offset.tif")))
    assert (with_offset != right[False]).any()
