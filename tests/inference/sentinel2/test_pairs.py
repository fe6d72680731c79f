"""The two real pairs of an aerial tile and a year of Sentinel-2 above it, through the whole job."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flair_landcover.inference.segment import segment
from flair_landcover.tests.jobs import segmentation_job

from ..conftest import Recorder, read_labels
from .pairs import NAMES, PAIRS, SIDE, write_pairs

BANDS = "NIR=1 R=2 G=3 B=4"
WOOD = (6, 7, 8)  # coniferous, deciduous, brushwood


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
    if not PAIRS.is_dir():
        pytest.skip("the real pairs are not here (../shared/data/treesatai-s2-pairs)")
    write_pairs(tmp_path)
    aerial, series = tmp_path / name / "tile.tif", tmp_path / name / "series" / "SEN2_pair_data.npy"
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
