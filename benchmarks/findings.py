"""What is doubted of sound images, and what is noticed of images as people have them.

    python benchmarks/findings.py --data ../shared/data

looks at every georeferenced aerial raster of the folder as it is, where no doubt should arise, and then at images of
each kind that has given a wrong map before, made of a real patch, each of which should be taken as it is, doubted or
refused. Exit status 1 where one is not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.vrt import WarpedVRT

from flair_landcover.contract.cards import ROLES
from flair_landcover.contract.choices import BUNDLED
from flair_landcover.contract.errors import BadInput
from flair_landcover.contract.image import ImageSettings
from flair_landcover.contract.notices import Notice, english
from flair_landcover.contract.segmentation import SegmentationJob
from flair_landcover.inference.check import check_job
from flair_landcover.inference.raster.read import gdal_settings

# Each folder's rasters, and their bands where their order is not FLAIR's.
SOUND = {
    "flair2/IMG_*.tif": "",
    "ign-bdortho/*.tif": "",
    "ign-lidar-scenes/*.tif": "",
    "naip-rural/tile_*.tif": "",
    "naip-urban/*.tif": "",
    "pnoa/*.tif*": "",
    "idtrees/*.tif": "",
    "neon/*.tif": "",
    "neon-teak-heights/*.tif": "R=1 G=2 B=3 ELEVATION=4",
    "treesatai/*.tif": "NIR=1 R=2 G=3 B=4",
    "treesatai-s2-pairs/*.tif": "NIR=1 R=2 G=3 B=4",
}
# What must be told of those that are taken otherwise than they are stored, by name.
TOLD = {
    "a black collar": "collar",
    "a white collar": "collar",
    "a hole in a mosaic": "holes",
    "EPSG:3857": "projection_stretches",
    "EPSG:3395": "projection_stretches",
    "12 bits": "low_bits",
    "0 to 1": "scaled_floats",
    "R G B NIR R G": "bands_not_used",
}
TAKEN, DOUBTED, REFUSED = "taken", "doubted", "refused"


def look(image: ImageSettings, folder: Path) -> tuple[str, list[Notice], str]:
    """What becomes of an image: `TAKEN`, `DOUBTED` or `REFUSED`, with what is told and why it is refused."""
    told: list[Notice] = []
    try:
        with gdal_settings():
            inputs = check_job(SegmentationJob(image, str(folder / "map.tif")), told.append)
    except BadInput as refusal:
        return REFUSED, told, str(refusal)
    doubts = any(each.doubt for each in told)
    bands = inputs.aerial.bands
    return (DOUBTED if doubts else TAKEN), told, " ".join(f"{role}={bands[role]}" for role in ROLES if role in bands)


def sound_images(data: Path, work: Path) -> bool:
    """Looks at the real rasters; whether none is doubted."""
    sound = True
    for pattern, bands in SOUND.items():
        seen: Counter[str] = Counter()
        paths = sorted(path for path in data.glob(pattern) if path.suffix in (".tif", ".tiff"))
        for path in paths:
            outcome, told, words = look(ImageSettings((str(path),), bands=bands, model=BUNDLED), work)
            if outcome != TAKEN:
                sound = False
                print(f"  {path.name}: {outcome}: {'; '.join(english(t) for t in told if t.doubt) or words}")
            seen[outcome] += 1
        print(f"{pattern:30} {len(paths):4}  {dict(seen)}", flush=True)
    return sound


@dataclass(frozen=True)
class Patch:
    """A real patch of five bands, and a folder to write others like it into.

    pixels: (5, rows, columns) uint8.
    """

    folder: Path
    pixels: np.ndarray
    profile: dict

    def write(self, name: str, pixels: np.ndarray, words: Sequence[str] = (), **settings) -> ImageSettings:
        """An image of its own. words: descriptions of the bands."""
        return ImageSettings((str(self.file(name, pixels, words, **settings)),))

    def file(self, name: str, pixels: np.ndarray, words: Sequence[str] = (), **settings) -> Path:
        """A raster of its own at the patch's place."""
        path = self.folder / name
        shape = {"count": len(pixels), "height": pixels.shape[1], "width": pixels.shape[2], "dtype": pixels.dtype}
        with rasterio.open(path, "w", **{**self.profile, **shape, "photometric": "minisblack", **settings}) as dataset:
            dataset.write(pixels)
            if words:
                dataset.descriptions = words
        return path

    def with_heights(self, metres: np.ndarray, **settings) -> ImageSettings:
        """Its first four bands with heights beside them. metres: (bands, rows, columns)."""
        image = self.write("rgbi.tif", self.pixels[:4])
        return replace(image, elevation=str(self.file("heights.tif", metres, **settings)))


def kinds(patch: Patch) -> Iterator[tuple[str, ImageSettings, str, str]]:
    """Images as people have them: name, image, what should become of it, and which bands it should have ("": any)."""
    r, g, b, nir, height = patch.pixels
    rgbi = patch.pixels[:4]
    metres = height[None].astype(np.float32) * 0.2
    yield "well formed", patch.write("good.tif", patch.pixels), TAKEN, "red=1 green=2 blue=3 nir=4 elevation=5"
    # which band is which
    yield "IRC alone, by its name", patch.write("tile-IRC-0M20.tif", np.stack([nir, r, g])), REFUSED, ""
    yield "IRC alone, by its colours", patch.write("c.tif", np.stack([nir, r, g])), REFUSED, ""
    order = np.stack([nir, r, g, b])
    for words in (
        ("NIR", "Red", "Green", "Blue"),
        ("NIR 842nm", "Red 665nm", "Green 560nm", "Blue 490nm"),
        ("Proche infrarouge", "Rouge", "Vert", "Bleu"),
        ("B8", "B4", "B3", "B2"),
    ):
        yield f"described {words}", patch.write("w.tif", order, words), TAKEN, "red=2 green=3 blue=4 nir=1"
    three = patch.write("w3.tif", np.stack([nir, r, g]), ("NIR", "Red", "Green"))
    yield "described NIR, Red, Green, a model that needs blue", three, REFUSED, ""
    four = "red=1 green=2 blue=3 nir=4"
    mask = np.where(np.indices(r.shape)[0] < 300, 255, 0).astype(np.uint8)
    for name, fifth in (("red again", r), ("a second infrared", 250 - nir // 2)):
        yield f"a fifth band that is {name}", patch.write("5.tif", np.stack([*rgbi, fifth])), TAKEN, four
    # it hides a part of the image in which there is a picture
    yield "a fifth band that is a mask of 0 and 255", patch.write("5.tif", np.stack([*rgbi, mask])), DOUBTED, four
    yield "R G B NIR R G", patch.write("6.tif", np.stack([*rgbi, r, g])), TAKEN, four
    yield "one grey band", patch.write("grey.tif", g[None]), DOUBTED, ""
    # heights
    yield "heights in metres", patch.with_heights(metres), TAKEN, ""
    yield "heights above sea level", patch.with_heights(metres + 112), DOUBTED, ""
    yield "heights in centimetres", patch.with_heights(metres * 100), DOUBTED, ""
    yield "heights that are nearly all unknown, 1e30", patch.with_heights(np.full_like(metres, 1e30)), REFUSED, ""
    ground = str(patch.file("ground.tif", np.full_like(metres, 90)))
    surface = replace(patch.with_heights(metres + 90), terrain=ground)
    yield "surface and terrain", surface, TAKEN, ""
    yield "surface and terrain swapped", replace(surface, elevation=ground, terrain=surface.elevation), REFUSED, ""
    yield "a picture as heights", patch.with_heights(patch.pixels[:4]), REFUSED, ""
    # values
    for dtype in ("uint16", "int16", "float32"):
        yield f"8 bits stored as {dtype}", patch.write("t.tif", patch.pixels.astype(dtype)), TAKEN, ""
    yield "12 bits", patch.write("n.tif", rgbi.astype(np.uint16) * 16, nbits=12), TAKEN, four
    yield "0 to 1", patch.write("f.tif", rgbi.astype(np.float32) / 255), TAKEN, four
    yield "dark, 0 to 50", patch.write("dark.tif", rgbi // 5), DOUBTED, four
    yield "black", patch.write("black.tif", np.zeros_like(rgbi)), REFUSED, ""
    yield "of one value", patch.write("flat.tif", np.full_like(rgbi, 90)), REFUSED, ""
    # without data
    for name, fill in (("black", 0), ("white", 255)):
        collar = rgbi.copy()
        collar[:, :, :150] = fill
        yield f"a {name} collar", patch.write("collar.tif", collar), TAKEN, four
    whole = patch.file("part.tif", rgbi[:, :, :256])
    yield "a hole in a mosaic", ImageSettings((str(with_a_hole(whole)),)), TAKEN, four
    gone = patch.file("gone.tif", rgbi[:, :, :256])
    missing = ImageSettings((str(with_a_hole(gone)),))
    gone.unlink()
    yield "a mosaic with a missing tile", missing, REFUSED, ""
    # place
    for code in (3857, 3395):
        there = patch.folder / f"{code}.tif"
        with rasterio.open(patch.write("rgbi.tif", rgbi).input[0]) as dataset, WarpedVRT(dataset, crs=code) as warped:
            rasterio.shutil.copy(warped, there, driver="GTiff")
        yield f"EPSG:{code}", ImageSettings((str(there),)), TAKEN, ""
    foot = 'LOCAL_CS["local",UNIT["US survey foot",0.304800609601219]]'
    feet = Affine(0.2 / 0.3048006, 0, 0, 0, -0.2 / 0.3048006, 0)
    yield "a local CRS in feet", patch.write("feet.tif", rgbi, crs=foot, transform=feet), TAKEN, ""
    nowhere = patch.with_heights(metres, crs=None)
    yield "heights without CRS that fall on the image", nowhere, DOUBTED, ""


def with_a_hole(part: Path) -> Path:
    """A virtual raster twice as wide as a tile, of which the right half has no source."""
    with rasterio.open(part) as dataset:
        path = part.with_suffix(".vrt")
        rasterio.shutil.copy(dataset, path, driver="VRT")
        width = dataset.width
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(f'rasterXSize="{width}"', f'rasterXSize="{2 * width}"', 1), encoding="utf-8")
    return path


def images_as_people_have_them(data: Path, work: Path) -> bool:
    """Looks at the kinds; whether each is dealt with as it should be."""
    with rasterio.open(data / "flair2" / "IMG_087873.tif") as dataset:
        place = {"driver": "GTiff", "crs": dataset.crs, "transform": dataset.transform}
        patch = Patch(work, dataset.read(), place)
    right = True
    for name, image, expected, bands in kinds(patch):
        outcome, told, words = look(image, work)
        said = "; ".join(english(each) for each in told if each.doubt) if outcome == DOUBTED else words
        kept = outcome == expected and bands in ("", words)
        kept &= name not in TOLD or TOLD[name] in {each.code for each in told}
        right &= kept
        print(f"{'  ' if kept else '! '}{name:50} {outcome}: {said}", flush=True)
    return right


def main() -> int:
    """Runs both parts; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--part", choices=("sound", "kinds"), help="one part alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        sound = sound_images(options.data, Path(work)) if options.part != "kinds" else True
        right = images_as_people_have_them(options.data, Path(work)) if options.part != "sound" else True
    return 0 if sound and right else 1


if __name__ == "__main__":
    sys.exit(main())
