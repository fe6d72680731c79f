"""Tries an environment with a real prediction: the engine maps a small picture with the bundled model.

Standard library only: the environment's own Python does the work, with the plugin's code, in a process of its own.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from .environment import child_environment, engine_command
from .failures import BROKEN, SetupFailed, failure
from .processes import run_lines

# A first start reads a gigabyte of libraries, which an antivirus may look at one by one.
_TIMEOUT_S = 600.0
_MARK = "flair-landcover-map:"

# On the processor: what it costs is little, and a card whose memory is full says nothing about the packages.
# The way through GDAL, PROJ, torch and back to a file is the way of every run.
_PREDICT = (
    f"MARK = {_MARK!r}"
    + """
import json, os, tempfile
import numpy, rasterio
from rasterio.transform import from_origin
from flair_landcover.engine.cli import run

with tempfile.TemporaryDirectory() as folder:
    source, result = os.path.join(folder, "picture.tif"), os.path.join(folder, "map.tif")
    pixels = numpy.random.default_rng(0).integers(0, 256, (5, 64, 64), dtype=numpy.uint8)
    with rasterio.open(source, "w", driver="GTiff", width=64, height=64, count=5, dtype="uint8", crs="EPSG:2154",
                       transform=from_origin(700000, 6600000, 0.2, 0.2)) as picture:
        picture.write(pixels)
    status = run(["segment", source, result, "--device", "cpu", "--precision", "fp32"])
    labels = None
    if status == 0:
        with rasterio.open(result) as raster:
            labels = sorted(int(value) for value in numpy.unique(raster.read(1)))
print(MARK + json.dumps({"status": status, "labels": labels}), flush=True)
"""
)


def verify_prediction(python: str, temporary: Path, is_cancelled: Callable[[], bool] | None = None) -> None:
    """Maps a picture of 64 x 64 pixels with the engine in the environment of `python`; takes some seconds.

    temporary: an existing folder for its files.
    Raises SetupFailed (BROKEN) where no map comes out, CancelledError.
    """
    # A folder of its own: torch leaves empty folders of its compiler among temporary files.
    folder = tempfile.mkdtemp(prefix="trial-", dir=temporary)
    try:
        variables = {**child_environment(), **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder)}
        command = engine_command(python, _PREDICT)
        done = run_lines(command, variables, is_cancelled=is_cancelled, timeout_s=_TIMEOUT_S)
    except OSError as error:
        raise SetupFailed(failure(BROKEN, f"{python} cannot be started.", output=str(error))) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    answer = {}
    for line in done.output.splitlines():
        if line.startswith(_MARK):
            answer = json.loads(line[len(_MARK) :])
    labels = answer.get("labels")
    # 1 to 13 are FLAIR's classes; a picture without nodata gives a map without 0.
    if done.status != 0 or not labels or not all(1 <= label <= 13 for label in labels):
        raise SetupFailed(
            failure(BROKEN, "The packages are installed, and the engine makes no map.", output=done.output)
        )
