"""The two real pairs of an aerial tile and a year of Sentinel-2 above it, through the whole job."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio

from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import segmentation_job

from ..conftest import SHARED_DATA, Recorder, read_labels

PAIRS = SHARED_DATA / "treesatai-s2-pairs"
NAMES = ("anysat_Abies_alba_1_1005_WEFL_NLF", "maestro_Betula_spec._1_15679_WEFL_NLF")
BANDS = "NIR=1 R=2 G=3 B=4"
DATES, SIDE = 146, 6
WOOD = (6, 7, 8)  # coniferous, deciduous, brushwood


def pair(name: str) -> tuple[Path, Path]:
    """The aerial tile and the file of its series."""
    if not PAIRS.is_dir():
        pytest.skip("the real pairs are not here (../shared/data/treesatai-s2-pairs)")
    (series,) = PAIRS.glob(f"{name}*.h5")
    return PAIRS / f"{name}.tif", series


def as_flair(aerial: Path, file: Path, folder: Path) -> Path:
    """The series in FLAIR's layout, on the grid of 10 m that begins at the tile's corner, as its authors cut it.

    The engine has no HDF5 of its own: GDAL's driver of netCDF reads the numbers, and the names of the products, which
    it does not give, stand in the file, ascending by date.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        read = []
        for variable in ("sen-2-data", "sen-2-masks"):
            with rasterio.open(f'NETCDF:"{file}":{variable}') as dataset:
                read.append(dataset.read().reshape(DATES, -1, SIDE, SIDE))
    data, masks = read
    products = re.findall(rb"S2[AB]_MSIL2A_\d{8}T\d{6}_N\d{4}_R\d{3}_T\w{5}_\d{8}T\d{6}", file.read_bytes())
    names = sorted((product.decode() for product in products), key=lambda product: product[11:])
    assert len(names) == DATES
    folder.mkdir()
    np.save(folder / "SEN2_pair_data.npy", data.astype(np.uint16))
    np.save(folder / "SEN2_pair_masks.npy", masks[:, :2].astype(np.uint8))
    (folder / "SEN2_pair_products.txt").write_text("\n".join(names) + "\n")
    with rasterio.open(aerial) as dataset:
        left, top = dataset.bounds.left, dataset.bounds.top
        place = {"crs": dataset.crs.to_string(), "transform": [10, 0, left, 0, -10, top]}
    (folder / "SEN2_pair_data.json").write_text(json.dumps(place))
    return folder / "SEN2_pair_data.npy"


def dates_clear_enough(series: Path) -> tuple[str, ...]:
    """Those of which less than half is under cloud or snow, by FLAIR's rule, taken from the arrays themselves."""
    masks = np.load(series.with_name("SEN2_pair_masks.npy"))
    names = series.with_name("SEN2_pair_products.txt").read_text().split()
    clear = (masks >= 60).sum(axis=(1, 2, 3)) < SIDE * SIDE / 2
    days = [name[11:19] for name, use in zip(names, clear) if use]
    return tuple(f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in days)


@pytest.mark.parametrize("name", NAMES)
def test_a_real_pair_is_mapped_with_its_series(tmp_path, name):
    """Both are forest. Of the series nothing is told but that its 60 m are less than the 400 m around a tile."""
    aerial, file = pair(name)
    series = as_flair(aerial, file, tmp_path / "series")
    maps, told, dates = {}, {}, {}
    for kind, given in (("with", str(series)), ("without", None)):
        report = Recorder()
        job = segmentation_job(
            str(aerial), str(tmp_path / f"{kind}.tif"), bands=BANDS, sentinel2=given, device="cpu", precision="fp32"
        )
        dates[kind] = segment(job, report).sentinel2_dates
        maps[kind] = read_labels(tmp_path / f"{kind}.tif")
        told[kind] = [each.code for each in report.notices if each.setting == "sentinel2" or "series" in each.code]
    assert told == {"with": ["series_ends"], "without": []}
    assert dates == {"with": dates_clear_enough(series), "without": ()}
    assert len(dates["with"]) > 60
    for labels in maps.values():
        assert labels.shape == (304, 304) and (labels > 0).all()
        assert np.isin(labels, WOOD).mean() > 0.5
    assert (maps["with"] != maps["without"]).mean() > 0.01
