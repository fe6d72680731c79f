"""What the tests of the QGIS side build for themselves: a plugin folder, a small model, small rasters.

Only the standard library, numpy and GDAL, which QGIS brings along; the model is made by the engine's Python.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from osgeo import gdal, ogr, osr

from flair_landcover.runtime.environment import child_environment, engine_command
from flair_landcover.tests.once import made_once, run_folder

gdal.UseExceptions()

ROOT = Path(__file__).parent.parent
PIXEL_M = 0.2
LAMBERT_93 = 2154
# Upper left corner of every aerial raster here, in Lambert-93: a field in Haute-Savoie.
LEFT, TOP = 942_390.0, 6_538_568.0

PARAMETERS = [
    "INPUT",
    "TILES",
    "BANDS",
    "INFRARED",
    "ELEVATION",
    "TERRAIN",
    "EXTENT",
    "MASK",
    "SENTINEL2",
    "LEAVE_OUT",
    "MODEL",
    "DEVICE",
    "PRECISION",
    "TTA",
    "CLASSES",
    "STRICT",
    "OUTPUT",
    "OUTPUT_CONFIDENCE",
    "OUTPUT_PROBABILITIES",
    "OUTPUT_DIFFERENCE",
]
FINETUNE_PARAMETERS = [
    "INPUT",
    "TILES",
    "BANDS",
    "INFRARED",
    "ELEVATION",
    "TERRAIN",
    "SENTINEL2",
    "LEAVE_OUT",
    "POLYGONS",
    "CLASS_FIELD",
    "CLASS_MAP",
    "MODEL",
    "NAME",
    "EPOCHS",
    "TRAINABLE",
    "HOLDOUT",
    "KEEP_BASE",
    "EVERYWHERE",
    "ONE_CLASS",
    "SEED",
    "DEVICE",
    "PRECISION",
    "OUTPUT",
    "REPORT",
]

# A network that knows nothing: these tests ask how a run goes, not what it finds.
_MODEL_CODE = """
from pathlib import Path
import torch
from flair_landcover.contract.cards import ModelCard, write_card
from flair_landcover.models.networks.build import build_network
from flair_landcover.models.networks.weights import save_quantised

folder = Path({folder!a})
torch.manual_seed(0)
card = ModelCard(id="untrained", title="Untrained", architecture="smp:Unet:resnet18", tile_size=224)
save_quantised(build_network(card).state_dict(), folder / "weights.safetensors")
write_card(card, folder)
"""


def engine_python() -> str:
    """The interpreter of the engine's environment, or ""."""
    return os.environ.get("FLAIR_LANDCOVER_PYTHON", "")


def qgis_process_program() -> str:
    """QGIS's program for the command line, or "" where there is none."""
    # Debian's `qgis_process` is a script around `qgis_process.bin`, which older releases lack.
    return shutil.which("qgis_process.bin") or shutil.which("qgis_process") or ""


@functools.lru_cache
def plugin_path(base: Path) -> Path:
    """A folder for QGIS_PLUGINPATH in which the plugin has the name that QGIS knows it by."""
    folder = base / "plugins"
    folder.mkdir()
    (folder / "flair_landcover").symlink_to(ROOT, target_is_directory=True)
    return folder


def untrained_model(base: Path) -> Path:
    """A model folder, made once a test run."""

    def make(folder: Path) -> None:
        command = engine_command(engine_python(), _MODEL_CODE.format(folder=str(folder)))
        subprocess.run(command, env=child_environment(), check=True, timeout=300)

    return made_once(run_folder(base) / "modèle", make)


def write_aerial(path: Path, size: int = 200, bands: int = 5) -> Path:
    """A GeoTIFF of `bands` bands of noise and gradients, `size` pixels a side, in Lambert-93."""
    rows, columns = np.mgrid[0:size, 0:size]
    noise = np.random.default_rng(7).integers(0, 60, (bands, size, size))
    layers = [np.sin(rows / (9 + 7 * i)) * np.cos(columns / (13 + 5 * i)) * 90 + 95 for i in range(bands)]
    return write_raster(path, (np.stack(layers) + noise).astype(np.uint8))


def write_raster(path: Path, pixels: np.ndarray, pixel_m: float = PIXEL_M, left: float = LEFT) -> Path:
    """A GeoTIFF of (bands, rows, columns), uint8 or float32, whose upper left corner is (left, TOP)."""
    kind = {"uint8": gdal.GDT_Byte, "float32": gdal.GDT_Float32}[pixels.dtype.name]
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), pixels.shape[2], pixels.shape[1], pixels.shape[0], kind)
    dataset.SetGeoTransform((left, pixel_m, 0, TOP, 0, -pixel_m))
    dataset.SetProjection(_crs(LAMBERT_93).ExportToWkt())
    dataset.WriteArray(pixels)
    dataset = None
    return path


def without_crs(raster: Path, path: Path) -> Path:
    """A copy of a raster that does not say its CRS."""
    source = gdal.Open(str(raster))
    pixels = source.ReadAsArray()
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), pixels.shape[2], pixels.shape[1], len(pixels))
    dataset.SetGeoTransform(source.GetGeoTransform())
    dataset.WriteArray(pixels)
    dataset = None
    return path


def write_series(folder: Path) -> Path:
    """A folder of three dates of Sentinel-2 with cloud probabilities: clear, a quarter cloudy, and overcast."""
    folder.mkdir()
    for number, (date, cloudy_rows) in enumerate((("20210415", 0), ("20210520", 20), ("20210609", 80))):
        pixels = np.random.default_rng(number).normal(1500 + 500 * number, 100, (10, 80, 80)).astype(np.float32)
        write_raster(folder / f"{date}.tif", pixels, pixel_m=10.0)
        clouds = np.zeros((1, 80, 80), np.uint8)
        clouds[:, :cloudy_rows] = 100
        write_raster(folder / f"{date}_clouds.tif", clouds[:, :, ::-1].copy(), pixel_m=10.0)
    return folder


def write_polygons(path: Path, rings: list[list[tuple[float, float]]], epsg: int) -> Path:
    """A GeoPackage of polygons. rings: outer rings in Lambert-93; epsg: the layer's own CRS."""
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = dataset.CreateLayer("mask", _crs(epsg), ogr.wkbPolygon)
    to_layer = osr.CoordinateTransformation(_crs(LAMBERT_93), _crs(epsg))
    for ring in rings:
        line = ogr.Geometry(ogr.wkbLinearRing)
        for x, y in [*ring, ring[0]]:
            line.AddPoint_2D(*to_layer.TransformPoint(x, y)[:2])
        polygon = ogr.Geometry(ogr.wkbPolygon)
        polygon.AddGeometry(line)
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetGeometry(polygon)
        layer.CreateFeature(feature)
    dataset = None
    return path


def write_annotations(path: Path, values: list, epsg: int = LAMBERT_93, field: str = "class") -> Path:
    """A GeoPackage with a square of 4 m for each value, in rows of five over an aerial raster of `write_aerial`.

    values: of the field, text or whole numbers, all of one kind; None for none.
    """
    corners = [(LEFT + 2 + 8 * (i % 5), TOP - 2 - 8 * (i // 5)) for i in range(len(values))]
    write_polygons(path, [[(x, y), (x, y - 4), (x + 4, y - 4), (x + 4, y)] for x, y in corners], epsg)
    dataset = ogr.Open(str(path), update=1)
    layer = dataset.GetLayer(0)
    text = any(isinstance(value, str) for value in values)
    layer.CreateField(ogr.FieldDefn(field, ogr.OFTString if text else ogr.OFTInteger))
    for feature, value in zip([layer.GetFeature(i + 1) for i in range(len(values))], values):
        if value is not None:
            feature.SetField(field, value)
        layer.SetFeature(feature)
    layer = dataset = None
    return path


def read_pixels(path: Path | str) -> np.ndarray:
    """(bands, rows, columns)."""
    dataset = gdal.Open(str(path))
    return dataset.ReadAsArray().reshape(dataset.RasterCount, dataset.RasterYSize, dataset.RasterXSize)


def qgis_environment(base: Path, profile: str, **more: str) -> dict[str, str]:
    """The variables for a QGIS of its own: the plugin in reach, a profile under `base`, no window."""
    runtime = base / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    return {
        **os.environ,
        "QGIS_PLUGINPATH": str(plugin_path(base)),
        "QGIS_CUSTOM_CONFIG_PATH": str(base / profile),
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(runtime),
        "LC_ALL": "C.UTF-8",
        **more,
    }


def village(base: Path, size: str = "2048") -> Path:
    """The folder of the sample scene (aerial.tif, the dates in sentinel2), made once a test run.

    size: pixels of 0.2 m a side.
    """

    def make(folder: Path) -> None:
        command = engine_command(engine_python(), "from flair_landcover.research.scenes.village import main\nmain()")
        subprocess.run([*command, str(folder), "--size", size], env=child_environment(), check=True, timeout=300)

    return made_once(run_folder(base) / f"village{size}", make)


def pairs(base: Path) -> Path:
    """The folder of the two real pairs of an aerial tile and its series (see tests/inference/sentinel2/pairs.py).

    Raises LookupError where they are not here.
    """
    if not (ROOT.resolve().parent / "shared" / "data" / "treesatai-s2-pairs").is_dir():
        raise LookupError("the real pairs are not here (../shared/data/treesatai-s2-pairs)")

    def make(folder: Path) -> None:
        code = "import sys; from pathlib import Path\n"
        code += (
            "from flair_landcover.tests.inference.sentinel2.pairs import write_pairs\nwrite_pairs(Path(sys.argv[1]))"
        )
        subprocess.run(
            [*engine_command(engine_python(), code), str(folder)], env=child_environment(), check=True, timeout=300
        )

    return made_once(run_folder(base) / "pairs", make)


def window_report(base: Path, script: str, **more: str) -> dict:
    """What `tests/window/SCRIPT.py` saw in a real QGIS window, and how QGIS ended (`status`).

    more: settings for the script beside the usual ones; `theme`, `scale` and `screen` (WIDTHxHEIGHT) are for QGIS.
    `size`: pixels a side of the village. `engine` "none": QGIS knows of no environment for the engine. `plugin` "off":
    the plugin is there and not loaded.
    Raises LookupError where there is no QGIS with a window, or no screen to make one on.
    """
    for program in ("xvfb-run", "qgis"):
        if not shutil.which(program):
            raise LookupError(f"{program} is not installed")
    folder = Path(tempfile.mkdtemp(prefix=f"window-{script}-", dir=base))
    scene = village(base, more.get("size", "2048"))
    settings = {
        "folder": str(folder),
        "aerial": str(shutil.copy(scene / "aerial.tif", folder / "village.tif")),
        "sentinel2": str(scene / "sentinel2"),
        "truth": str(scene / "truth.tif"),
        "small_aerial": str(write_aerial(folder / "small.tif")),
        "model": str(untrained_model(base)),
        "report": str(folder / "report.json"),
        **more,
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    # As the plugin manager leaves it; and no tip of the day in front of the window.
    ini = folder / "profiles" / "profiles" / "default" / "QGIS" / "QGIS3.ini"
    ini.parent.mkdir(parents=True)
    ini.write_text(
        f"[PythonPlugins]\nflair_landcover={'false' if more.get('plugin') == 'off' else 'true'}\n"
        f"[UI]\nUITheme={more.get('theme', 'default')}\n"
        "[qgis]\nshowTips=false\ncheckVersion=false\n"
        "[app]\nprojections\\unknownCrsBehavior=NoAction\n",
        encoding="utf-8",
    )
    environment = qgis_environment(
        base,
        "unused",
        QT_QPA_PLATFORM="xcb",
        QT_SCALE_FACTOR=more.get("scale", "1"),
        FLAIR_TEST=str(folder / "settings.json"),
        FLAIR_LANDCOVER_MODELS=str(folder / "models"),  # not the user's
    )
    del environment["QGIS_CUSTOM_CONFIG_PATH"]
    if more.get("engine") == "none":
        del environment["FLAIR_LANDCOVER_PYTHON"]
    run = subprocess.run(
        [
            *("xvfb-run", "-a", "-s", f"-screen 0 {more.get('screen', '1600x1100')}x24"),
            *("qgis", "--nologo", "--noversioncheck", "--profiles-path", str(folder / "profiles")),
            *("--code", str(Path(__file__).parent / "window" / f"{script}.py")),
        ],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    report = Path(settings["report"])
    if not report.is_file():
        crash = (folder / "crash.txt").read_text() if (folder / "crash.txt").exists() else ""
        raise AssertionError(f"QGIS left no report: {run.stdout[-3000:]}{run.stderr[-3000:]}{crash[-3000:]}")
    return {**settings, **json.loads(report.read_text(encoding="utf-8")), "status": run.returncode}


def startup_report(base: Path) -> dict:
    """What `tests/window/startup.py` measured: how long QGIS takes for this plugin and for an empty one."""
    empty = plugin_path(base) / "empty_plugin"
    empty.mkdir(exist_ok=True)
    (empty / "metadata.txt").write_text(
        "[general]\nname=Empty\nqgisMinimumVersion=3.22\nversion=1\ndescription=Nothing\nauthor=Nobody\n", "utf-8"
    )
    (empty / "__init__.py").write_text(
        "class Empty:\n    def initGui(self):\n        pass\n\n    def unload(self):\n        pass\n\n\n"
        "def classFactory(iface):\n    return Empty()\n",
        "utf-8",
    )
    return window_report(base, "startup", plugin="off", empty="empty_plugin")


def run_python(code: str, *arguments: str, environment: dict[str, str]) -> str:
    """What `code` prints in this Python, in a process of its own.

    An error in it shows with its output. PyQt may crash while the interpreter ends: what counts is
    the line `done`, which the code prints last.
    """
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, timeout=300
    )
    assert run.stdout.rstrip().endswith("done"), run.stdout + run.stderr
    return run.stdout.rstrip()[: -len("done")]


def _crs(epsg: int) -> osr.SpatialReference:
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(epsg)
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return crs
