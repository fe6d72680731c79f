"""The two real pairs of an aerial tile and a year of Sentinel-2 above it, in forms that the engine reads.

python -m flair_landcover.tests.inference.sentinel2.pairs OUTDIR
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import rasterio

PAIRS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "treesatai-s2-pairs"
NAMES = ("anysat_Abies_alba_1_1005_WEFL_NLF", "maestro_Betula_spec._1_15679_WEFL_NLF")
DATES, SIDE = 146, 6


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


def write_pairs(folder: Path) -> None:
    """Each pair in a folder of its own: tile.tif, and the series in `series`."""
    for name in NAMES:
        aerial = folder / name / "tile.tif"
        aerial.parent.mkdir(parents=True)
        shutil.copyfile(PAIRS / f"{name}.tif", aerial)
        (file,) = PAIRS.glob(f"{name}*.h5")
        as_flair(aerial, file, folder / name / "series")


if __name__ == "__main__":
    write_pairs(Path(sys.argv[1]))
