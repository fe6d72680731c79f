"""The images a model learns from and is measured on, read from a folder of real data.

Which images are held out is written here, once: `training_images` never returns one of them and
`held_out_images` returns nothing else.
"""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import rasterize

from ..contract.cards import ROLES
from .labels import CLASSES, CODES, UNKNOWN

RGB = frozenset(ROLES[:3])
RGB_NIR = frozenset(ROLES[:4])
ALL_ROLES = frozenset(ROLES)

# Whole scenes without a pixel in training. The two patches share all their classes with others.
HELD_OUT_PATCHES = frozenset({"002115", "084558"})
HELD_OUT_RENDERINGS = frozenset({"8445c1f9ff_3", "8445c1f9ff_4", "8445c1f9ff_5", "aa6e1d0514_7"})
HELD_OUT_ORTHOPHOTO = "PNOA_CYL_2020_25cm_OF_etrsc_rgb_hu30_h05__0425_2-1_0"  # of a map sheet of its own
# The same scene twice: both stay on one side of the split.
SAME_RENDERINGS = (("8445c1f9ff_1", "aa6e1d0514_4"),)
# Rural tiles whose lower edge lies north of this (metres, EPSG:26917) are held out: a gap of 4 km follows it.
HELD_OUT_NORTHING = 4_307_000.0

_RURAL_CODES = np.array(
    [
        CODES["rural background"],
        CODES["building"],
        CODES["rural road"],
        CODES["rural bare land"],
        CODES["rural forest"],
        CODES["water"],
    ],
    np.uint8,
)

# What the pixels of each scene class of ucmerced can be; the classes left out (aeroplanes, tennis
# courts, storage tanks, baseball) hold too many things at once to say anything.
_SCENE_CODES = {
    "agricultural": "scene farmed",
    "beach": "scene shore",
    "chaparral": "scene chaparral",
    "forest": "scene forest",
    "golfcourse": "scene golf",
    "parkinglot": "scene paved",
    "runway": "scene paved",
    "freeway": "scene paved",
    "intersection": "scene built",
    "overpass": "scene built",
    "buildings": "scene built",
    "denseresidential": "scene built",
    "mediumresidential": "scene built",
    "mobilehomepark": "scene built",
    "river": "scene river",
    "harbor": "scene harbour",
}
# Polygons in the orthophotos' CRS, drawn by eye well inside of what they name: a class or a set of `labels`.
DRAWN_LABELS = Path(__file__).parent / "drawn_labels" / "pnoa.geojson"
_TREE_RADIUS = 2  # pixels of 0.6 m around a tree's point that are surely crown
_GREEN_INDEX, _SEALED_INDEX = 0.15, 0.0  # vegetation index above which a pixel is green, below which it is not


@dataclass(frozen=True)
class LabelledImage:
    """One labelled image.

    name: unique, starts with the folder it comes from.
    kind: folder of the data, or ``generated``.
    bands: (5, H, W) uint8 in the order of ROLES, zeros for a role it does not have.
    roles: those it has.
    codes: (H, W) uint8, codes of `labels`.
    gsd: ground sampling distance in metres.
    series, days: (T, 10, 40, 40) float32 raw digital numbers centred on the image and (T,) days
        to 15 May, or None. Only for images of 102.4 m.
    """

    name: str
    kind: str
    bands: np.ndarray
    roles: frozenset[str]
    codes: np.ndarray
    gsd: float
    series: np.ndarray | None = None
    days: np.ndarray | None = None


def training_images(data: Path) -> list[LabelledImage]:
    """Every real image of `data` that is not held out. Folders that are absent give nothing."""
    return [image for image in _all_images(data) if not is_held_out(image)]


def held_out_images(data: Path) -> list[LabelledImage]:
    """Every real image of `data` that is held out."""
    return [image for image in _all_images(data, measured=True) if is_held_out(image)]


def is_held_out(image: LabelledImage) -> bool:
    """Whether an image is one of those that no training may see."""
    name = image.name.split("/")[-1]
    if image.kind == "naip-rural":
        return name.endswith("north")
    return name in HELD_OUT_PATCHES or name in HELD_OUT_RENDERINGS or name == HELD_OUT_ORTHOPHOTO


def _all_images(data: Path, measured: bool = False) -> Iterator[LabelledImage]:
    yield from _patches(data / "flair2")
    yield from _renderings(data / "flair2-renderings")
    yield from _rural(data / "naip-rural")
    yield from _orthophotos(data / "pnoa")
    if not measured:
        yield from _urban(data / "naip-urban")
        yield from _scenes(data / "ucmerced")


def _patches(folder: Path) -> Iterator[LabelledImage]:
    for path in sorted(folder.glob("IMG_*.tif")):
        with rasterio.open(path) as source:
            bands = source.read()
        with rasterio.open(path.with_name(path.name.replace("IMG", "MSK"))) as source:
            codes = np.minimum(source.read(1), CLASSES).astype(np.uint8)
        yield LabelledImage(f"flair2/{path.stem[4:]}", "flair2", bands, ALL_ROLES, codes, 0.2)


def _renderings(folder: Path) -> Iterator[LabelledImage]:
    for path in sorted(folder.glob("*_rgb.png")):
        rgb = _plain_image(path)[:3].transpose(1, 2, 0)
        mask = _plain_image(path.with_name(path.name.replace("_rgb", "_mask")))[0]
        mask = np.minimum(mask, CLASSES).astype(np.uint8)
        name = path.name[: -len("_rgb.png")]
        gsd = 102.4 / ((mask.shape[0] + mask.shape[1]) / 2)
        codes = without_class_edges(mask)
        yield LabelledImage(f"flair2-renderings/{name}", "flair2-renderings", _with_roles(rgb), RGB, codes, gsd)


def _rural(folder: Path) -> Iterator[LabelledImage]:
    for path in sorted(folder.glob("tile_*.tif")):
        with rasterio.open(path) as source:
            bands, bottom = source.read(), source.bounds.bottom
        with rasterio.open(path.with_name(path.name.replace("tile", "mask"))) as source:
            codes = without_class_edges(_RURAL_CODES[np.minimum(source.read(1), 5)])
        side = "-north" if bottom > HELD_OUT_NORTHING else ""
        bands = _with_roles(bands.transpose(1, 2, 0))
        yield LabelledImage(f"naip-rural/{path.stem}{side}", "naip-rural", bands, RGB_NIR, codes, 0.6)


def _orthophotos(folder: Path) -> Iterator[LabelledImage]:
    drawn: dict[str, list[tuple[dict, int]]] = {}
    for feature in json.loads(DRAWN_LABELS.read_text())["features"]:
        label = (feature["geometry"], CODES[feature["properties"]["label"]])
        drawn.setdefault(feature["properties"]["picture"], []).append(label)
    for path in sorted(path for path in folder.glob("*.tiff") if path.stem in drawn):
        with rasterio.open(path) as source:
            bands = _with_roles(source.read().transpose(1, 2, 0))
            codes = rasterize(
                drawn[path.stem], source.shape, CODES["dry farmland"], transform=source.transform, dtype=np.uint8
            )
            yield LabelledImage(f"pnoa/{path.stem}", "pnoa", bands, RGB, codes, source.res[0])


def _urban(folder: Path) -> Iterator[LabelledImage]:
    for path in sorted(folder.glob("*.tif")):
        with rasterio.open(path) as source:
            bands = _with_roles(source.read().transpose(1, 2, 0))
        red, nir = bands[0].astype(np.float32), bands[3].astype(np.float32)
        index = (nir - red) / np.maximum(nir + red, 1)
        codes = np.full(red.shape, CODES["urban"], np.uint8)
        codes[index > _GREEN_INDEX] = CODES["urban green"]
        codes[index < _SEALED_INDEX] = CODES["urban sealed"]
        crowns = np.zeros(red.shape, bool)
        with open(path.with_suffix(".csv"), newline="") as points:
            for point in csv.DictReader(points):
                column, row = round(float(point["x"])), round(float(point["y"]))
                rows = slice(max(row - _TREE_RADIUS, 0), row + _TREE_RADIUS + 1)
                crowns[rows, max(column - _TREE_RADIUS, 0) : column + _TREE_RADIUS + 1] = True
        codes[crowns & (index > _SEALED_INDEX)] = CODES["urban tree"]
        yield LabelledImage(f"naip-urban/{path.stem}", "naip-urban", bands, RGB_NIR, codes, 0.6)


def _scenes(folder: Path) -> Iterator[LabelledImage]:
    for scene, code in _SCENE_CODES.items():
        for path in sorted((folder / scene).glob("*.*")):
            rgb = _plain_image(path)[:3].transpose(1, 2, 0)
            codes = np.full(rgb.shape[:2], CODES[code], np.uint8)
            yield LabelledImage(f"ucmerced/{path.stem}", "ucmerced", _with_roles(rgb), RGB, codes, 0.3)


def _plain_image(path: Path) -> np.ndarray:
    """(bands, H, W) uint8 of a PNG or JPEG."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as source:
            return source.read()


def _with_roles(bands: np.ndarray) -> np.ndarray:
    """(H, W, n) uint8 of the first n roles -> (5, H, W), zeros for the rest."""
    whole = np.zeros((len(ROLES), *bands.shape[:2]), np.uint8)
    whole[: bands.shape[2]] = bands.transpose(2, 0, 1)
    return whole


def without_class_edges(codes: np.ndarray) -> np.ndarray:
    """Codes with every pixel that touches another code set to unknown: drawn outlines are not exact."""
    padded = np.pad(codes, 1, mode="edge")
    height, width = codes.shape
    around = [padded[r : r + height, c : c + width] for r in range(3) for c in range(3)]
    same = np.logical_and.reduce([other == codes for other in around])
    return np.where(same, codes, np.uint8(UNKNOWN))
