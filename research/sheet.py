"""Contact sheets of a model: each real scene's image, its truth and the model's map, one below the other.

python -m flair_landcover.research.sheet MODEL --data DATA --out docs/pictures

Scores say how often a map is right, these say how it looks where it is wrong. Every exactly labelled scene is shown,
none is chosen. "Held out" means held out from the training of the bundled model and of whatever was made from it;
nothing is known here of what other models have seen.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn
from torch.nn import functional

from ..contract.atomic import atomic_file
from ..contract.cards import ROLES, ModelCard
from ..contract.nomenclature import FLAIR_CLASSES
from ..models.library import find_model
from ..models.networks.checkpoints import load_model
from .dataset import LabelledImage, held_out_images, is_held_out, training_images
from .evaluate import predict
from .labels import CLASSES, UNKNOWN

TILE = 170  # pixels a side
MOST_COLUMNS = 8  # scenes side by side: 16 renderings make two full bands
MOST_BYTES = 880_000  # of all sheets together: a page of the documentation shows them at once
# JPEG qualities to try, best first. Below 60 the format's blocks show in the flat colours of the maps.
QUALITIES = (92, 88, 84, 80, 76, 72, 68, 64, 60)
NO_LABEL = (215, 221, 227)  # no class has a pale grey
ROWS = ("Picture", "Truth", "Map")
# What is shown: folder of the data, name of the sheet, what its scenes are.
SHEETS = (
    ("flair2", "sheet-patches.jpg", "FLAIR #2 patches, mapped from five bands"),
    ("flair2-renderings", "sheet-renderings.jpg", "renderings of FLAIR #2 scenes, mapped from RGB at 0.4 m"),
)
FOOT = (
    "Each scene is 102.4 m wide; the number is the share of its labelled pixels whose class is right. "
    "Pictures and truth: IGN - FLAIR #2, Licence Ouverte 2.0 (Etalab)."
)

_PAPER, _INK, _SOFT, _LINE = (255, 255, 255), (28, 37, 48), (91, 103, 115), (160, 170, 180)
_MARGIN, _COLUMN_GAP, _ROW_GAP, _BAND_GAP = 20, 12, 6, 22
_LABELS = 66  # width of the names of the rows
_TITLE, _HEADER, _CAPTION, _LEGEND_LINE, _FOOT = 46, 28, 26, 25, 24  # heights
_SWATCH = 14


@dataclass(frozen=True)
class SheetScene:
    """One scene as it is shown.

    name: what is written under it. held_out: whether training saw none of it.
    rgb: (H, W, 3) uint8. truth, mapped: (h, w) uint8, both of one shape, values 1..13, UNKNOWN where there is no label.
    """

    name: str
    held_out: bool
    rgb: np.ndarray
    truth: np.ndarray
    mapped: np.ndarray

    @property
    def accuracy(self) -> float | None:
        """Share of the labelled pixels that the map has right; None where no pixel has a label."""
        labelled = self.truth != UNKNOWN
        return float((self.truth == self.mapped)[labelled].mean()) if labelled.any() else None


def main(arguments: list[str] | None = None) -> int:
    """Runs the script; returns its exit status."""
    parser = argparse.ArgumentParser(prog="sheet", description="Write contact sheets of a model's maps.")
    parser.add_argument("model", help="id of a model at hand, such as bundled, or a model folder or checkpoint")
    parser.add_argument("--data", type=Path, required=True, help="folder of the real data (flair2, flair2-renderings)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the JPEG files to")
    options = parser.parse_args(arguments)
    try:
        for path in write_sheets(model_sheets(options.model, options.data), options.out):
            print(f"{path} ({path.stat().st_size / 1000:.0f} kB)")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def model_sheets(model: str, data: Path) -> dict[str, np.ndarray]:
    """The sheets of a model by file name, each (H, W, 3) uint8.

    model: as `models.library.find_model` takes it. data: folder of the real data; a sheet whose folder is absent is
    left out. Raises BadModel where the model cannot be read, ValueError where it does not map five bands to the
    13 classes or `data` has no scenes.
    """
    card, network = load_model(find_model(model))
    _check(card)
    images = [*training_images(data), *held_out_images(data)]
    sheets = {}
    for kind, name, what in SHEETS:
        scenes = [scene_of(network, image) for image in images if image.kind == kind]
        if scenes:
            sheets[name] = draw_sheet(f"{card.title}: {what}", scenes)
    if not sheets:
        folders = " nor ".join(kind for kind, _, _ in SHEETS)
        raise ValueError(f"{data} has no pictures in {folders}: give the folder of the real data with --data.")
    return sheets


def _check(card: ModelCard) -> None:
    plain = card.inputs == ROLES and card.scale == 255 and not any(card.means) and set(card.stds) == {1.0}
    if not plain or card.outputs != tuple(land.value for land in FLAIR_CLASSES):
        raise ValueError(
            f"{card.id} does not map five plain bands to the 13 classes: choose one that does, as bundled."
        )


def scene_of(network: nn.Module, image: LabelledImage) -> SheetScene:
    """An image with the network's map of it, from all the bands that it has and no Sentinel-2."""
    mapped, truth = predict(network, image, image.roles)
    return SheetScene(
        name=image.name.split("/")[-1],
        held_out=is_held_out(image),
        rgb=np.ascontiguousarray(image.bands[:3].transpose(1, 2, 0)),
        truth=truth,
        mapped=mapped,
    )


def draw_sheet(title: str, scenes: Sequence[SheetScene], tile: int = TILE) -> np.ndarray:
    """All scenes on one sheet, (H, W, 3) uint8: those held out first, by name, with the legend below.

    tile: side of a tile in pixels; scenes are drawn as squares. Raises ValueError where there is no scene, or a
    scene's truth and map have values beyond the 13 classes.
    """
    if not scenes:
        raise ValueError("There is no scene to draw: give one or more.")
    scenes = sorted(scenes, key=lambda scene: (not scene.held_out, scene.name))
    columns = min(MOST_COLUMNS, len(scenes))
    legend = [(land.name, land.rgb) for land in FLAIR_CLASSES]
    if any((scene.truth == UNKNOWN).any() for scene in scenes):
        legend.append(("no label, not scored", NO_LABEL))
    bands = _in_rows(scenes, columns)
    lines = _in_rows(legend, columns)
    legend_top = _band_top(len(bands), tile)
    width = _LABELS + columns * (tile + _COLUMN_GAP) - _COLUMN_GAP + 2 * _MARGIN
    height = legend_top + len(lines) * _LEGEND_LINE + _FOOT + _MARGIN
    sheet = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    _write(pen, (_MARGIN, _MARGIN + 10), title, 20)
    for number, band in enumerate(bands):
        _draw_band(sheet, pen, band, _band_top(number, tile), tile)
    for number, line in enumerate(lines):
        _draw_legend_line(pen, line, legend_top + number * _LEGEND_LINE + _LEGEND_LINE // 2, tile)
    _write(pen, (_column(0, tile), height - _MARGIN - _FOOT // 2 + 6), FOOT, 13, _SOFT)
    return np.asarray(sheet)


def tile_corner(index: int, row: int, tile: int = TILE) -> tuple[int, int]:
    """Left and upper edge, in pixels, of the tile in `row` (0 image, 1 truth, 2 map) of the index-th scene drawn."""
    band, column = divmod(index, MOST_COLUMNS)
    return _column(column, tile), _band_top(band, tile) + _HEADER + row * (tile + _ROW_GAP)


def _in_rows(items: Sequence, length: int) -> list[Sequence]:
    return [items[i : i + length] for i in range(0, len(items), length)]


def _column(column: int, tile: int) -> int:
    return _MARGIN + _LABELS + column * (tile + _COLUMN_GAP)


def _band_top(band: int, tile: int) -> int:
    height = _HEADER + len(ROWS) * (tile + _ROW_GAP) + _CAPTION + _BAND_GAP
    return _MARGIN + _TITLE + band * height


def _draw_band(sheet: Image.Image, pen: ImageDraw.ImageDraw, band: Sequence[SheetScene], top: int, tile: int) -> None:
    for row, name in enumerate(ROWS):
        _write(pen, (_MARGIN, top + _HEADER + row * (tile + _ROW_GAP) + tile // 2), name, 15)
    start = 0
    for held_out, group in groupby(band, key=lambda scene: scene.held_out):
        end = start + len(list(group))
        _draw_header(pen, "held out" if held_out else "in training", (start, end), top, tile)
        start = end
    for column, scene in enumerate(band):
        left, y = _column(column, tile), top + _HEADER
        for image in (_thumbnail(scene.rgb, tile), class_tile(scene.truth, tile), class_tile(scene.mapped, tile)):
            sheet.paste(Image.fromarray(image), (left, y))
            y += tile + _ROW_GAP
        middle = y + _CAPTION // 2 - 3
        _write(pen, (left, middle), scene.name, 14)
        if scene.accuracy is not None:
            _write(pen, (left + tile, middle), f"{scene.accuracy:.0%} right", 14, _SOFT, "rm")


def _draw_header(pen: ImageDraw.ImageDraw, text: str, columns: tuple[int, int], top: int, tile: int) -> None:
    """A word over the columns from the first to before the second, and a line that says how far it goes."""
    left, right = _column(columns[0], tile), _column(columns[1], tile) - _COLUMN_GAP
    _write(pen, (left, top + 9), text, 15)
    pen.line([(left, top + _HEADER - 7), (right - 1, top + _HEADER - 7)], fill=_INK if text == "held out" else _LINE)


def _draw_legend_line(
    pen: ImageDraw.ImageDraw, entries: Sequence[tuple[str, tuple[int, int, int]]], middle: int, tile: int
) -> None:
    for column, (name, colour) in enumerate(entries):
        left, upper = _column(column, tile), middle - _SWATCH // 2
        pen.rectangle([left, upper, left + _SWATCH - 1, upper + _SWATCH - 1], fill=colour)
        _write(pen, (left + _SWATCH + 6, middle), name, 14)


def _write(
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size: int,
    colour: tuple[int, int, int] = _INK,
    anchor: str = "lm",
) -> None:
    pen.text(place, text, font=ImageFont.load_default(size), fill=colour, anchor=anchor)


def _thumbnail(rgb: np.ndarray, tile: int) -> np.ndarray:
    return np.asarray(Image.fromarray(rgb).resize((tile, tile), Image.Resampling.LANCZOS))


def class_tile(values: np.ndarray, tile: int = TILE) -> np.ndarray:
    """(h, w) uint8 of 1..13 and UNKNOWN -> (tile, tile, 3) uint8 in the legend's colours.

    A pixel shows the commonest class of the labelled pixels that it covers, and NO_LABEL where none is: averaged
    colours would be in no legend, every third pixel taken would lose roads. Raises ValueError at other values.
    """
    if values.max() > CLASSES:
        raise ValueError(f"A value of {values.max()} is no class: give values of 0 to {CLASSES}.")
    planes = functional.one_hot(torch.from_numpy(values.astype(np.int64)), CLASSES + 1)
    shares = functional.interpolate(planes.permute(2, 0, 1)[None].float(), size=(tile, tile), mode="area")[0]
    shares[UNKNOWN] *= 1e-6  # wins alone
    colours = np.array([NO_LABEL, *(land.rgb for land in FLAIR_CLASSES)], np.uint8)
    return colours[shares.argmax(0).numpy()]


def jpegs_of(sheets: Mapping[str, np.ndarray], most_bytes: int = MOST_BYTES) -> dict[str, bytes]:
    """Sheets (H, W, 3) uint8 by name as JPEG, all at the best of QUALITIES with which they keep within `most_bytes`.

    Raises ValueError where none is low enough.
    """
    for quality in QUALITIES:
        files = {name: _jpeg_of(sheet, quality) for name, sheet in sheets.items()}
        if sum(map(len, files.values())) <= most_bytes:
            return files
    raise ValueError(f"{len(sheets)} sheets do not fit into {most_bytes} bytes: draw fewer scenes or smaller tiles.")


def _jpeg_of(sheet: np.ndarray, quality: int) -> bytes:
    stream = io.BytesIO()
    # Colours at full resolution: at half of it, which is usual, thin classes of a map bleed into their neighbours.
    Image.fromarray(sheet).save(stream, "JPEG", quality=quality, subsampling=0, optimize=True)
    return stream.getvalue()


def write_sheets(sheets: Mapping[str, np.ndarray], out: Path) -> list[Path]:
    """Writes the sheets as JPEG into the folder `out`, made where it is missing; returns their paths.

    Each file takes its name once all are whole. Raises ValueError where they do not fit, as `jpegs_of` does, or
    cannot be written.
    """
    files = jpegs_of(sheets)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as renamed_at_the_end:
            for name, content in reversed(files.items()):  # the first takes its name first
                renamed_at_the_end.enter_context(atomic_file(out / name)).write_bytes(content)
    except OSError as error:
        raise ValueError(f"{out} cannot be written ({error}): choose another folder with --out.") from None
    return [out / name for name in files]


if __name__ == "__main__":
    sys.exit(main())
