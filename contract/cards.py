"""Model cards: what a model takes, what it gives, where it comes from and how good it is.

A model is a folder of `card.json` and `weights.safetensors`. Standard library only, so that
QGIS's own Python can read cards.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from .atomic import write_json
from .nomenclature import FLAIR_CLASSES, OTHER, LandCoverClass
from .plain import fitting

CARD_NAME = "card.json"
WEIGHTS_NAME = "weights.safetensors"
ROLES = ("red", "green", "blue", "nir", "elevation")
_COLOUR = re.compile("#[0-9a-fA-F]{6}")
_LARGEST_CARD = 64_000_000  # bytes; a card that lists every polygon and epoch of a long fine-tuning has a few million
_DEEPEST = 20  # levels of scores; those of a fine-tuning have 6
_RANGES = {  # between which values a setting makes sense; the largest tile takes some 20 GB of memory
    "scale": (1e-6, 1e9),
    "elevation_step_m": (1e-6, 1e6),
    "ground_sampling_distance": (0.01, 100.0),
    "tile_size": (32, 8192),
}
AVERAGINGS = ("months", "year", "dates")
CLOUD_RULES = ("flair2", "flairhub")
SATELLITE_BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")


class BadModel(ValueError):
    """A model cannot be used. The message is one sentence: what is wrong, what to do next."""


@dataclass(frozen=True)
class SatelliteInput:
    """How a model takes Sentinel-2.

    bands: names of the spectral bands, in order.
    superpatch: pixels of 10 m a side, centred on the tile.
    divisor: what reflectance x 10000 is divided by; 1 for monthly means, as published.
    required: whether the network cannot do without.
    averaging: ``months``, one mean for each calendar month that has dates (IGNF/FLAIR-2, `monthly_image`); ``year``,
        twelve of them, where a month without dates repeats the last one before it, or is padding where there is none
        (IGNF/FLAIR-HUB, `_compute_monthly_average`); ``dates``, every date as it is.
    days_sign: 1 where positions are the days from a date to 15 May (IGNF/FLAIR-2), -1 where they are those from 15 May
        to a date (IGNF/FLAIR-HUB, `prepare_sentinel_dates`).
    cloud_rule: which dates are too cloudy, ``flair2`` or ``flairhub``: see `inference.sentinel2.clouds`.
    """

    bands: tuple[str, ...] = SATELLITE_BANDS
    superpatch: int = 40
    divisor: float = 1.0
    required: bool = False
    averaging: str = "months"
    days_sign: int = 1
    cloud_rule: str = "flair2"


@dataclass(frozen=True)
class ModelCard:
    """Everything that the engine and the analyst need to know of a model.

    id: lowercase name, unique in the library. title: what the analyst reads.
    architecture: ``utt``, ``smp:<Architecture>:<encoder>`` or ``flairhub:<encoder>-<decoder>``.
    inputs: roles of the aerial bands, in the network's order.
    means, stds: of each input band, on `scale`: network input = (DN / scale - mean) / std.
    scale: what digital numbers of 8 bits are divided by first.
    fill: network input of the roles that may be missing; a role that is not here is required.
    elevation_step_m: metres of height above ground to one digital number (clipped to 0..255).
    ground_sampling_distance: metres a pixel. tile_size: pixels a side.
    satellite: how Sentinel-2 goes in; None where the model takes none.
    metadata: whether the network has U-T&T's branch for aerial metadata.
    outputs: for each network output the value of the class it means; 0: it is never predicted.
    classes: the legend of the map.
    seen: by role between which digital numbers of 8 bits the means of most of the pictures lie that it was trained on:
        the 1st and 99th of 100. Empty: not known.
    own_classes: what the outputs were trained to tell apart, where `classes` tells less apart; empty: `classes`.
    own_outputs: for each network output the value of its class among own_classes, as in `outputs`; outputs that are
        beyond its end, which fine-tuning has added, mean what `outputs` says.
    limits: what the model is bad at, in one line. scores: measured, with what they were measured on.
    weights_digest: ``sha256:<hex>`` of the weights file.
    fine_tuning: of a model that was made from another by polygons: its parent, the polygons, the settings and the
        scores; see `finetune.card`. Empty for others.
    """

    id: str
    title: str
    architecture: str
    inputs: tuple[str, ...] = ROLES
    scale: float = 255.0
    means: tuple[float, ...] = (0.0,) * 5
    stds: tuple[float, ...] = (1.0,) * 5
    fill: dict[str, float] = field(default_factory=lambda: {"nir": 0.0, "elevation": 0.0})
    elevation_step_m: float = 0.2
    ground_sampling_distance: float = 0.2
    tile_size: int = 512
    satellite: SatelliteInput | None = None
    metadata: bool = False
    outputs: tuple[int, ...] = tuple(c.value for c in FLAIR_CLASSES)
    classes: tuple[LandCoverClass, ...] = FLAIR_CLASSES
    licence: str = ""
    source: str = ""
    training_data: str = ""
    limits: str = ""
    scores: dict[str, Any] = field(default_factory=dict)
    weights_digest: str = ""
    fine_tuning: dict[str, Any] = field(default_factory=dict)
    own_classes: tuple[LandCoverClass, ...] = ()
    own_outputs: tuple[int, ...] = ()
    seen: dict[str, tuple[float, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` gives the same card back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelCard:
        """See `card_from_dict`."""
        return card_from_dict(values)


def card_from_dict(values: dict[str, Any], where: str = "the model card") -> ModelCard:
    """The card that `ModelCard.to_dict` described; settings that this version does not know are left out.

    Raises BadModel where a required setting is missing, is of another type or out of its range, or where settings
    contradict each other: whatever is read as a card can be shown and run.
    """
    try:
        known = _known(ModelCard, values)
        for name in ("inputs", "means", "stds", "outputs", "own_outputs"):
            if name in known:
                known[name] = tuple(known[name])
        for name in ("classes", "own_classes"):
            if name in known:
                known[name] = tuple(LandCoverClass(**_known(LandCoverClass, c)) for c in known[name])
        if "seen" in known:
            known["seen"] = {role: (float(low), float(high)) for role, (low, high) in known["seen"].items()}
        if known.get("satellite") is not None:
            satellite = _known(SatelliteInput, known["satellite"])
            if "bands" in satellite:
                satellite["bands"] = tuple(satellite["bands"])
            known["satellite"] = SatelliteInput(**satellite)
        card = ModelCard(**known)
        complaints = _odd_values(card) or _complaints(card)
    except (TypeError, AttributeError, ValueError, RecursionError) as error:  # something is missing, or of another kind
        raise BadModel(f"{where} is incomplete ({error}): install the model again.") from None
    if complaints:
        raise BadModel(f"{where} does not have {complaints[0]}: install the model again.")
    return card


def _known(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    """The settings of `values` that the dataclass `kind` has."""
    names = {f.name for f in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


def _odd_values(card: ModelCard) -> list[str]:
    """What the card should have and does not: values of the right types and of a range that can be."""
    fits = fitting(ModelCard, vars(card))
    odd = [f"a sound {name}" for name in vars(card) if name not in fits]
    for land in (*card.classes, *card.own_classes):
        if vars(land).keys() != fitting(LandCoverClass, vars(land)).keys() or not _COLOUR.fullmatch(land.colour):
            odd.append("a value, a name and a colour for each class")
    if (
        card.satellite is not None
        and vars(card.satellite).keys() != fitting(SatelliteInput, vars(card.satellite)).keys()
    ):
        odd.append("a sound way to take Sentinel-2")
    odd += [
        f"{name} of at most {_DEEPEST} levels" for name in ("scores", "fine_tuning") if _too_deep(getattr(card, name))
    ]
    if odd:
        return odd
    numbers = {name: (getattr(card, name), low, high) for name, (low, high) in _RANGES.items()}
    satellite = card.satellite or SatelliteInput()
    numbers["satellite.superpatch"] = satellite.superpatch, 1, 1000
    numbers["satellite.divisor"] = satellite.divisor, 1e-6, 1e9
    odd = [
        f"a {name} from {low:g} to {high:g}" for name, (value, low, high) in numbers.items() if not low <= value <= high
    ]
    bounded = {
        "means": card.means,
        "stds": card.stds,
        "fill": card.fill.values(),
        "seen": [value for pair in card.seen.values() for value in pair],
    }
    return odd + [
        f"finite numbers as {name}" for name, several in bounded.items() if not all(map(math.isfinite, several))
    ]


def _too_deep(values: object) -> bool:
    """Whether objects and lists nest deeper than whoever shows or copies a card can follow."""
    level = [values]
    for _ in range(_DEEPEST):
        level = [
            inner
            for value in level
            if isinstance(value, (dict, list))
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return bool(level)


def _complaints(card: ModelCard) -> list[str]:
    """What the card should have and does not."""
    legend = {c.value for c in card.classes}
    names = (card.id, card.title, card.architecture)
    complaints = [
        (not all(isinstance(name, str) for name in names), "names as its id, title and architecture"),
        (len(card.means) != len(card.inputs) or len(card.stds) != len(card.inputs), "one mean and std for each input"),
        (not all(std > 0 for std in (card.scale, *card.stds)), "a scale and stds above zero"),
        (not set(card.inputs) <= set(ROLES), f"inputs among {', '.join(ROLES)}"),
        (not card.inputs or len(set(card.inputs)) < len(card.inputs), "inputs, each once"),
        (not set(card.fill) <= set(ROLES), f"values to fill in for inputs among {', '.join(ROLES)}"),
        (len({c.value for c in card.classes}) < len(card.classes), "one class a value"),
        (not set(card.outputs) <= legend | {0}, "outputs whose classes are in its legend"),
        (not legend & set(card.outputs), "at least one output that is predicted"),
        (any(not 0 < value < 256 for value in legend), "class values of 1 to 255"),
        *_own_complaints(card),
        *_satellite_complaints(card.satellite or SatelliteInput()),
    ]
    return [needed for wrong, needed in complaints if wrong]


def _own_complaints(card: ModelCard) -> list[tuple[bool, str]]:
    if not card.own_classes and not card.own_outputs:
        return []
    legend = {c.value for c in card.own_classes}
    outputs = set(card.own_outputs)
    return [
        (not outputs <= legend | {0}, "own_outputs whose classes are in its own_classes"),
        (not legend & outputs, "at least one of its own_classes that is predicted"),
        (len(card.own_outputs) > len(card.outputs), "at most as many own_outputs as outputs"),
        (any(not 0 < value < 256 for value in legend), "own_classes with values of 1 to 255"),
    ]


def _satellite_complaints(satellite: SatelliteInput) -> list[tuple[bool, str]]:
    known = set(satellite.bands) <= set(SATELLITE_BANDS)
    return [
        (not satellite.bands or not known, f"bands of Sentinel-2 among {', '.join(SATELLITE_BANDS)}"),
        (satellite.averaging not in AVERAGINGS, f"an averaging of Sentinel-2 among {', '.join(AVERAGINGS)}"),
        (satellite.cloud_rule not in CLOUD_RULES, f"a rule for clouds among {', '.join(CLOUD_RULES)}"),
        (satellite.days_sign not in (1, -1), "a days_sign of Sentinel-2 that is 1 or -1"),
    ]


def learned_classes(card: ModelCard) -> tuple[LandCoverClass, ...]:
    """The classes of `card.classes` that an analyst's polygons have taught a fine-tuned model.

    Beside the 13 these are all that follow them, of several fine-tunings too; beside classes of another kind those
    that the last fine-tuning names as new. A model of a published checkpoint, which has own_classes, has its others
    there: what follows the 13 was learned, though another model may have been made of the fine-tuned one.
    """
    if not card.fine_tuning and not card.own_classes:
        return ()
    polygons = card.fine_tuning.get("polygons")
    new = polygons.get("new_classes") if isinstance(polygons, dict) else None
    new = new if isinstance(new, (list, tuple)) else ()
    beside_ours = _names(card.classes[: len(FLAIR_CLASSES)]) == _names(FLAIR_CLASSES)
    return tuple(c for c in card.classes if c.name in new or (beside_ours and c.value > OTHER))


def has_other_classes(card: ModelCard) -> bool:
    """Whether the model tells other classes apart than the 13 of FLAIR, those aside that polygons have taught it."""
    learned = learned_classes(card)
    return _names(c for c in card.own_classes or card.classes if c not in learned) != _names(FLAIR_CLASSES)


def _names(classes: Iterable[LandCoverClass]) -> set[tuple[int, str]]:
    return {(c.value, c.name) for c in classes}


def read_card(folder: Path) -> ModelCard:
    """The card of a model folder.

    Raises BadModel where there is none, it cannot be read or the weights are missing.
    """
    path = Path(folder) / CARD_NAME
    if not path.is_file():  # nor a pipe, which would be waited for
        raise BadModel(f"{folder} is not a model folder: it has no {CARD_NAME}.")
    try:
        if path.stat().st_size > _LARGEST_CARD:
            raise ValueError("it is larger than any card")
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadModel(f"{path} cannot be read ({error}): install the model again.") from None
    if not (Path(folder) / WEIGHTS_NAME).is_file():
        raise BadModel(f"The model folder {folder} has no {WEIGHTS_NAME}: install the model again.")
    if not isinstance(values, dict):
        raise BadModel(f"{path} is not a model card: install the model again.")
    return card_from_dict(values, str(path))


def write_card(card: ModelCard, folder: Path) -> Path:
    """Writes `card.json` into the folder, whole or not at all; returns its path."""
    path = Path(folder) / CARD_NAME
    write_json(path, card.to_dict())
    return path


def digest_of(path: Path) -> str:
    """``sha256:<hex>`` of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"
