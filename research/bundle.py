"""Packs a model into a model folder that fits the plugin's zip: integers of 7 bits or fewer, with a scale a channel.

``python -m flair_landcover.research.bundle MODEL --out models/bundled``, where MODEL is a model folder, a zip of one, a
checkpoint file, or a model on the hub. What the stored weights make of real tiles is compared with what the weights as
they were given make of them.
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from safetensors import SafetensorError
from torch import nn

from ..contract.atomic import atomic_folder
from ..contract.cards import CARD_NAME, ROLES, WEIGHTS_NAME, BadModel, ModelCard, SatelliteInput, digest_of
from ..inference.backends.backend import Series, backend_of
from ..inference.predict import class_probabilities
from ..inference.prepare import network_input, pad_to
from ..inference.sentinel2.means import as_trained
from ..models.library import BUNDLED_FOLDER
from ..models.networks.checkpoints import load_model
from ..models.networks.gated import only_state
from ..models.package import is_package, unpack
from ..models.published import PublishedModel, find_published
from .publish import BITS, write_model, write_weights
from .scenes.scene import draw_scene, draw_sentinel2
from .scenes.seasons import BANDS, DATES

LEAST_AGREEMENT = 0.99
# Bytes of the folder when it is deflated: the plugin site (plugins.qgis.org) takes zips of 25,000,000 bytes, and the
# rest of the plugin, without docs and tests, needs 0.55 million.
MOST_BYTES = 24_400_000
LEAST_BITS = 4  # below, no network was seen to keep its labels
MOST_TILES = 8
_PATCHES = "IMG_*.tif"  # the aerial patches of FLAIR #1 and #2: five bands of 8 bits at 0.2 m
_SEEDS = range(910_000, 910_004)  # of the generated scenes, which no training of ours draws
_UNKNOWN_LICENCE = "not stated by the file: ask those who gave it out before you pass it on"


@dataclass(frozen=True)
class ComparedTile:
    """One thing to look at. bands: (5, rows, columns) uint8, in the order of ROLES. seed: of its Sentinel-2."""

    bands: np.ndarray
    seed: int


@dataclass(frozen=True)
class Bundle:
    """What was written.

    agreement: share of the pixels, 0..1, that stored and given weights label alike. bytes: of the folder, deflated.
    warnings: sentences about what is not as it should be.
    """

    card: ModelCard
    agreement: float
    bytes: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Words:
    """What the card says where the model itself does not. Empty: nothing."""

    title: str = ""
    licence: str = ""
    attribution: str = ""


def bundle(
    model: str,
    out: Path,
    data: Path | None = None,
    force: bool = False,
    words: Words | None = None,
    bits: int = BITS,
) -> Bundle:
    """Writes the model folder `out`, in place of a model folder that is there, whole or not at all.

    model: a model folder, a zip of one, a checkpoint file, or what `hub.fetch_model` takes. data: a folder with FLAIR
    patches, in it or below; None: generated scenes are measured on. force: write it although the labels agree too
    little or it is too large, with a warning. bits: of the integers, LEAST_BITS to 8.
    Raises BadModel where the model or a folder cannot be used, or is refused as above.
    """
    out = Path(out).absolute()
    if out.exists() and not (out.is_dir() and ((out / CARD_NAME).is_file() or not any(out.iterdir()))):
        raise BadModel(f"{out} is there and is no model folder: choose another one with --out.")
    if not LEAST_BITS <= bits <= 8:
        raise BadModel(f"Weights are stored as integers of {LEAST_BITS} to 8 bits, not {bits}: choose one of them.")
    tiles, measured_on = _tiles(data)
    path, published = _find(model)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as unpacked, atomic_folder(out, replace=True) as folder:
            card, network = _load(path, Path(unpacked))
            network = only_state(card, network)
            stored = write_weights(network, folder, bits)
            share = agreement(card, stored, network, tiles)
            card = _card(card, path, published, words or Words(), share, measured_on, bits)
            card = write_model(replace(card, id=out.name), folder)
            size = deflated_bytes(folder)
            warnings = _remarks(card, share, size, bits, force)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadModel(f"{out} cannot be written ({reason}): choose another place or free disk space.") from None
    return Bundle(card, share, size, warnings)


def agreement(card: ModelCard, stored: nn.Module, network: nn.Module, tiles: Iterable[ComparedTile]) -> float:
    """Share of the tiles' pixels, 0..1, that two networks of one card give the same class, in float32 on the CPU.

    With a made-up year of Sentinel-2 for networks that take any, so that their satellite weights count too.
    Raises ValueError where there are no tiles.
    """
    backends = [backend_of(card, each) for each in (stored, network)]
    same = []
    for tile in tiles:
        size = card.tile_size
        digital_numbers = dict(zip(ROLES, tile.bands[:, :size, :size].astype(np.float32)))
        aerial = pad_to(network_input(digital_numbers, card), size)[None]
        series = None if card.satellite is None else _series(card.satellite, tile.seed)
        one, other = (class_probabilities(each.logits(aerial, series), card).argmax(axis=1) for each in backends)
        same.append(float((one == other).mean()))
    if not same:
        raise ValueError("there are no tiles to compare on")
    return sum(same) / len(same)


def deflated_bytes(folder: Path) -> int:
    """Bytes of the files of a folder, each deflated as closely as a zip allows."""
    total = 0
    for path in sorted(Path(folder).iterdir()):
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                total += len(squeeze.compress(chunk))
        total += len(squeeze.flush())
    return total


# The model


def _find(model: str) -> tuple[Path, PublishedModel | None]:
    """The file or folder that is meant, and what is known of it where it is a published model."""
    path = Path(model).expanduser()
    if path.exists():
        known = find_published(path.name) if path.is_file() else None
        # A name alone proves nothing: anyone may have trained a file that is called so.
        return path, known if known is not None and known.digest == digest_of(path) else None
    from ..engine.hub import fetch_model  # here, as it needs huggingface_hub, which a local model does not

    fetched = fetch_model(model, _tell_progress)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return fetched, find_published(model)


def _tell_progress(done: int, total: int | None) -> None:
    if sys.stderr.isatty():
        of = f" of {total / 1e6:.0f}" if total else ""
        print(f"\rfetching: {done / 1e6:.0f}{of} MB", end="", file=sys.stderr, flush=True)


def _load(path: Path, beside: Path) -> tuple[ModelCard, nn.Module]:
    if not (path.is_file() and is_package(path)):
        return load_model(path)
    unpacked = beside / "given"
    unpack(path, unpacked)
    try:
        return load_model(unpacked)
    except BadModel as error:
        # The zip is known to whoever asked, not the place where it was unpacked.
        raise BadModel(str(error).replace(str(unpacked), str(path))) from None


# The tiles


def _tiles(data: Path | None) -> tuple[list[ComparedTile], str]:
    """What the labels are compared on, and how the card calls it."""
    if data is None:
        return [ComparedTile(draw_scene(seed).aerial, seed) for seed in _SEEDS], f"{len(_SEEDS)} generated scenes"
    paths = sorted(Path(data).rglob(_PATCHES))
    chosen = paths[:: max(1, len(paths) // MOST_TILES)][:MOST_TILES]
    tiles = list(_read_patches(chosen))
    if not tiles:
        raise BadModel(f"{data} holds no FLAIR patch ({_PATCHES}): name another folder with --data, or leave it out.")
    names = ", ".join(path.stem[4:] for path in chosen)
    return tiles, f"the real FLAIR patches {names} (IGN - FLAIR, Open Licence 2.0)"


def _read_patches(paths: Iterable[Path]) -> Iterator[ComparedTile]:
    for path, seed in zip(paths, range(_SEEDS.start, _SEEDS.start + MOST_TILES)):
        try:
            with rasterio.open(path) as source:
                bands = source.read()
        except RasterioError as error:
            raise BadModel(f"{path} cannot be read ({error}): remove it or name another folder with --data.") from None
        if len(bands) != len(ROLES) or bands.dtype != np.uint8:
            raise BadModel(f"{path} is no FLAIR patch of five bands of 8 bits: name another folder with --data.")
        yield ComparedTile(bands, seed)


def _series(satellite: SatelliteInput, seed: int) -> Series:
    """A generated year as the network takes it, with shapes (1, positions, bands, side, side) and (1, positions)."""
    year = draw_sentinel2(seed)[:, [BANDS.index(band) for band in satellite.bands]]
    edge = (year.shape[-1] - satellite.superpatch) // 2
    year = year[..., edge : edge + satellite.superpatch, edge : edge + satellite.superpatch]
    pixels, days = as_trained(year, DATES, np.zeros((len(year), *year.shape[-2:]), bool), satellite)
    return np.ascontiguousarray(pixels / np.float32(satellite.divisor))[None], days[None]


# The card


def _card(
    card: ModelCard,
    path: Path,
    published: PublishedModel | None,
    words: Words,
    share: float,
    measured_on: str,
    bits: int,
) -> ModelCard:
    """The card of the packed model, without the digest of its weights."""
    weights = path / WEIGHTS_NAME if path.is_dir() else path
    origin = f"{published.hub_id} on the model hub, {path.name}" if published else f"{card.title}, {path.name}"
    by_ign = (published is not None and published.hub_id.startswith("IGNF/")) or "IGN" in card.source
    attribution = words.attribution or ("IGN, France" if by_ign else "")
    source = [
        f"{origin} ({digest_of(weights)})",
        card.source,
        f"Attribution: {attribution}" if attribution else "",
        f"Packed by FLAIR Land Cover: its matrices and kernels are stored as integers of {bits} bits with a scale for "
        "each output channel, small ones as float16, and nothing else was changed",
    ]
    scores = copy.deepcopy(card.scores)
    if published is not None and published.mean_iou is not None:
        accuracy = {} if published.accuracy is None else {"overall_accuracy": published.accuracy}
        scores["as published, before packing"] = {
            "measured on": published.measured_on,
            "mean_iou": published.mean_iou,
            **accuracy,
        }
    scores["agreement of stored and float32 weights"] = round(share, 4)
    scores["agreement measured on"] = measured_on + (" with generated Sentinel-2" if card.satellite else "")
    return replace(
        card,
        title=words.title or (published.name if published else card.title),
        licence=words.licence or card.licence or (published.licence if published else "") or _UNKNOWN_LICENCE,
        source=" ".join(f"{part.rstrip('.')}." for part in source if part),
        scores=scores,
    )


def _remarks(card: ModelCard, share: float, size: int, bits: int, force: bool) -> tuple[str, ...]:
    """What is to be said of the packed model; raises BadModel where it is refused."""
    refusals, remedy = [], "choose another model"
    if size > MOST_BYTES:
        refusals.append(
            f"{card.title} has {size:,} bytes when it is deflated, more than the {MOST_BYTES:,} that fit into a zip of "
            "the plugin site"
        )
        remedy += f" or fewer bits with --bits {bits - 1}" * (bits > LEAST_BITS)
    if share < LEAST_AGREEMENT:
        refusals.append(
            f"Stored as integers of {bits} bits, {card.title} gives only {share:.1%} of the pixels the label that it "
            f"gave before, not {LEAST_AGREEMENT:.0%}"
        )
        remedy = "choose another model" + f" or more bits with --bits {bits + 1}" * (bits < 8 and size <= MOST_BYTES)
    if refusals and not force:
        raise BadModel(f"{'; '.join(refusals)}: {remedy}, or give --force to write it all the same.")
    warnings = [f"{refusal}." for refusal in refusals]
    if card.licence == _UNKNOWN_LICENCE:
        warnings.append(f"The licence of {card.title} is not known: give it with --licence before you pass it on.")
    return tuple(warnings)


def main(arguments: list[str] | None = None) -> int:
    """Runs the script; returns its exit status."""
    parser = argparse.ArgumentParser(prog="bundle", description="Pack a model into a folder that fits the plugin.")
    parser.add_argument("model", metavar="MODEL", help="hub id (owner/name), model folder, zip or checkpoint")
    parser.add_argument("--out", type=Path, default=BUNDLED_FOLDER, help="model folder to write (default: the bundled)")
    parser.add_argument("--data", type=Path, help="folder of FLAIR patches to measure on; default: generated scenes")
    parser.add_argument("--bits", type=int, default=BITS, help=f"of the stored integers; default: {BITS}")
    parser.add_argument("--title", default="", help="what the analyst reads; default: its own")
    parser.add_argument("--licence", default="", help="of the weights, where the model does not say")
    parser.add_argument("--attribution", default="", help="whom the licence asks to be named")
    parser.add_argument("--force", action="store_true", help="write it although it agrees too little or is too large")
    options = parser.parse_args(arguments)
    words = Words(options.title, options.licence, options.attribution)
    try:
        done = bundle(options.model, options.out, options.data, options.force, words, options.bits)
    except BadModel as error:
        print(error, file=sys.stderr)
        return 2
    for warning in done.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(
        f"{options.out}: {done.card.title}, {done.agreement:.2%} of the labels as before, {done.bytes:,} bytes deflated"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
