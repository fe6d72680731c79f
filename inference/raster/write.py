"""Writes the map: windows into a working file beside the final name, then one Cloud Optimized GeoTIFF.

GeoTIFF has no place for class names, so they stand in the band's tags and in two small files beside it, see
`legend_files`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError

from ...contract.atomic import flush
from ...contract.errors import CannotWrite
from ...contract.nomenclature import NODATA, LandCoverClass
from .geobox import GeoBox
from .legend_files import category_names_xml, is_our_style, may_take_style, style_path, style_qml
from .verify import Ledger, writing
from .windows import Window
from .working_folder import WorkingFolder

CONFIDENCE_NODATA = 255
PROVENANCE_TAG = "FLAIR_LANDCOVER"
BEING_WRITTEN = "Another run writes {} at the moment: wait until it has ended, or choose another name."
BESIDE = (".aux.xml", ".ovr", ".msk")  # what GDAL reads beside a file: of an older file it would belie the new one
_LABELS = ("labels", "difference")  # the files that hold class values and get their names beside them
_AUX, _STYLE = "aux.xml", "qml"
BLOCK = 512  # pixels a side of the files' inner tiles
_DEFLATE_EXCESS = 1.01  # DEFLATE adds 5 bytes to each 16 KB that it cannot compress, GDAL 16 to each tile
_HEAD_BYTES = 100_000  # tags, colour table and provenance, roomy


@dataclass(frozen=True)
class MapBlock:
    """One finished window of the map.

    window: in pixels of the geobox. labels: uint8 (rows, columns), 0 = nodata. probabilities: float32
    (classes, rows, columns), meaningful where labels are not nodata. difference: uint8 (rows, columns), labels of
    the same kind for a file of their own, or None.
    """

    window: Window
    labels: np.ndarray
    probabilities: np.ndarray
    difference: np.ndarray | None = None


def label_bits(classes: tuple[LandCoverClass, ...]) -> int:
    """Bits a label: with 4 the colour table has 16 entries instead of 256, and so has QGIS's legend."""
    return 4 if max(c.value for c in classes) < 16 else 8


def working_size(output: Window, bands: int, bits: int) -> int:
    """The most bytes that a file has while it is written, without compression."""
    return padded(output.width, output.height) * bands * bits // 8 + _HEAD_BYTES


def finished_size(output: Window, bands: int, bits: int) -> int:
    """The most bytes that a finished file can have, overviews included, where nothing can be compressed."""
    width, height = output.width, output.height
    pixels = padded(width, height)
    while max(width, height) > BLOCK:
        width, height = -(-width // 2), -(-height // 2)
        pixels += padded(width, height)
    return int(pixels * bands * bits / 8 * _DEFLATE_EXCESS) + _HEAD_BYTES


def padded(width: int, height: int) -> int:
    """Pixels of the inner tiles that hold so many columns and rows."""
    return -(-width // BLOCK) * -(-height // BLOCK) * BLOCK**2


class MapWriter:
    """Writes blocks; `finish` puts the files in place, leaving without it leaves nothing behind.

    output: what the files cover, in pixels of the geobox. confidence, probabilities, difference: paths, or None.
    """

    def __init__(
        self,
        labels: str,
        confidence: str | None,
        probabilities: str | None,
        geobox: GeoBox,
        output: Window,
        classes: tuple[LandCoverClass, ...],
        difference: str | None = None,
    ) -> None:
        self._output = output
        self._classes = classes
        profile = {
            "driver": "GTiff",
            "dtype": "uint8",
            "width": output.width,
            "height": output.height,
            "crs": geobox.crs_wkt or None,
            "transform": geobox.window_transform(output),
            "tiled": True,
            "blockxsize": BLOCK,
            "blockysize": BLOCK,
            "bigtiff": "IF_SAFER",
            "sparse_ok": True,
        }
        bits = {"nbits": label_bits(classes)} if label_bits(classes) < 8 else {}
        label_profile = {**profile, **bits, "count": 1, "nodata": NODATA}
        self._files = {"labels": _WorkingFile(labels, label_profile, "mode")}
        if confidence:
            self._files["confidence"] = _WorkingFile(
                confidence, {**profile, "count": 1, "nodata": CONFIDENCE_NODATA}, "average"
            )
        if probabilities:
            self._files["probabilities"] = _WorkingFile(
                probabilities, {**profile, "count": len(classes), "interleave": "band"}, "average"
            )
        if difference:
            self._files["difference"] = _WorkingFile(difference, label_profile, "mode")

    def __enter__(self) -> MapWriter:
        try:
            for file in self._files.values():
                file.open()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.discard()

    def write(self, block: MapBlock) -> None:
        """Writes one block into every file. Raises CannotWrite."""
        window = rasterio.windows.Window.from_slices(*block.window.within(self._output))
        self._files["labels"].write(block.labels[None], window)
        known = block.labels != NODATA
        if "confidence" in self._files:
            percent = np.rint(block.probabilities.max(axis=0) * 100).astype(np.uint8)
            percent[~known] = CONFIDENCE_NODATA
            self._files["confidence"].write(percent[None], window)
        if "probabilities" in self._files:
            scaled = np.rint(block.probabilities * 255).astype(np.uint8)
            scaled[:, ~known] = 0
            self._files["probabilities"].write(scaled, window)
        if block.difference is not None:
            self._files["difference"].write(block.difference[None], window)

    def finish(self, provenance: str) -> None:
        """Tags the files, turns them into Cloud Optimized GeoTIFFs and, once all are whole, renames them into place.

        provenance: JSON text. Raises CannotWrite; the older files of their names stay then.
        """
        for name, file in self._files.items():
            with writing(file.path):
                file.dataset.update_tags(**{PROVENANCE_TAG: provenance})
                _DESCRIBE[name](file.dataset, self._classes)
                file.optimise()
        with writing(self._files["labels"].path):
            self._put_in_place()

    def _put_in_place(self) -> None:
        named = [self._files[name] for name in _LABELS if name in self._files]
        for file in named:
            (file.part / _AUX).write_bytes(category_names_xml(self._classes))
            (file.part / _STYLE).write_bytes(style_qml(self._classes))
            flush(file.part / _AUX)
            flush(file.part / _STYLE)
        for file in self._files.values():
            for suffix in BESIDE:
                Path(file.path + suffix).unlink(missing_ok=True)
        for file in self._files.values():
            if is_our_style(style_path(file.path)):
                style_path(file.path).unlink()
        for file in named:
            os.replace(file.part / _AUX, f"{file.path}.aux.xml")
            if may_take_style(file.path):
                os.replace(file.part / _STYLE, style_path(file.path))
        for file in self._files.values():
            os.replace(file.optimised, file.path)


class _WorkingFile:
    """One raster that grows in a hidden folder beside its final name."""

    def __init__(self, path: str, profile: dict, overviews: str) -> None:
        self.path = os.path.abspath(path)
        self._profile = profile
        self._overviews = overviews
        self._ledger = Ledger()

    def open(self) -> None:
        folder, name = os.path.split(self.path)
        with writing(self.path):
            self.working = WorkingFolder(Path(folder), name)
            if not self.working.is_alone():
                raise CannotWrite(BEING_WRITTEN.format(self.path))
            self.part = self.working.path
            self.optimised = self.part / "map.tif"
            self.dataset = rasterio.open(self.part / "working.tif", "w", **self._profile)

    def write(self, pixels: np.ndarray, window: rasterio.windows.Window) -> None:
        """pixels: (bands, rows, columns). Raises CannotWrite."""
        with writing(self.path):
            self.dataset.write(pixels, window=window)
        self._ledger.add(window, pixels)

    def optimise(self) -> None:
        """Closes the file and makes the finished one of it, which is on the disk and holds what was written."""
        self.dataset.close()
        rasterio.shutil.copy(
            self.part / "working.tif",
            self.optimised,
            driver="COG",
            compress="DEFLATE",
            **{key: value for key, value in self._profile.items() if key == "nbits"},
            blocksize=BLOCK,
            overview_resampling=self._overviews,
            bigtiff="IF_SAFER",
        )
        flush(self.optimised)
        self._ledger.check(self.optimised)

    def discard(self) -> None:
        if hasattr(self, "dataset"):
            with suppress(RasterioError, OSError):  # on a full disk the last blocks cannot be written
                self.dataset.close()
        if hasattr(self, "working"):
            self.working.discard()


def _describe_labels(dataset: rasterio.io.DatasetWriter, classes: tuple[LandCoverClass, ...]) -> None:
    dataset.set_band_description(1, "land cover")
    _give_legend(dataset, classes)


def _describe_difference(dataset: rasterio.io.DatasetWriter, classes: tuple[LandCoverClass, ...]) -> None:
    dataset.set_band_description(1, "land cover without Sentinel-2, where it differs")
    _give_legend(dataset, classes)


def _give_legend(dataset: rasterio.io.DatasetWriter, classes: tuple[LandCoverClass, ...]) -> None:
    dataset.write_colormap(1, {NODATA: (0, 0, 0, 0), **{c.value: (*c.rgb, 255) for c in classes}})
    dataset.colorinterp = [ColorInterp.palette]
    dataset.update_tags(1, **{f"CLASS_{c.value}": c.name for c in classes})


def _describe_confidence(dataset: rasterio.io.DatasetWriter, classes: tuple[LandCoverClass, ...]) -> None:
    dataset.set_band_description(1, "probability of the class, percent")


def _describe_probabilities(dataset: rasterio.io.DatasetWriter, classes: tuple[LandCoverClass, ...]) -> None:
    for band, c in enumerate(classes, start=1):
        dataset.set_band_description(band, f"{c.name}, probability x 255")


_DESCRIBE = {
    "labels": _describe_labels,
    "confidence": _describe_confidence,
    "probabilities": _describe_probabilities,
    "difference": _describe_difference,
}
