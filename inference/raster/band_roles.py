"""Which band of an aerial raster plays which role: by what is said of it, by its file's name, by what it looks like."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from rasterio.io import DatasetReader

from ...contract.cards import ROLES
from ...contract.errors import BadInput, about
from ...contract.notices import Notice, Warn, notice, with_evidence
from ...contract.partner import says_infrared
from ...contract.plain import shown
from . import spectrum
from .band_names import MASK, OTHER, Said, called_infrared, role_of_word, wavelength_nm
from .sample import Sample

_COLOURS = ("red", "green", "blue")
_INFRARED = ("nir", "red", "green")
# Orders in which people have their bands, the commonest first: FLAIR's, those that begin with near infrared, BGR.
_FLAIR, _INFRARED_FIRST = ROLES, (*_INFRARED, "blue", "elevation")
_ORDERS = (_FLAIR, _INFRARED_FIRST, ("blue", "green", "red", "nir", "elevation"))
_WORDS = {"red": "R", "green": "G", "blue": "B", "nir": "NIR", "elevation": "ELEVATION"}
_NUMBER = re.compile(r"0*[1-9]\d{0,5}")  # of a band: no raster of GDAL's has more than 65,535
_MOST_NAMED = 6  # bands that are named as not used


@dataclass(frozen=True)
class Bands:
    """The bands of an image: what is said of each, in their order, how they look, and which are masks.

    said, roles: of each band, roles as `band_names.named_roles` gives them. masks: band numbers.
    """

    sample: Sample
    said: tuple[Said, ...]
    roles: tuple[str | None, ...]
    masks: Collection[int]

    @property
    def colours(self) -> dict[str, int]:
        """Red, green and blue by colour interpretation, where it says more than what any file of three bands says."""
        names = [said.colour for said in self.said]
        if any(names.count(colour) != 1 for colour in _COLOURS):
            return {}
        found = {colour: names.index(colour) + 1 for colour in _COLOURS}
        return {} if list(found.values()) == [1, 2, 3] else found

    @property
    def copies(self) -> dict[int, int]:
        """Bands behind the colours that nothing is said of and that are copies of another one, each with that one."""
        return {
            number: other
            for number in self.unsaid
            for other in [next((o for o in self.open if o < number and spectrum.same(self.sample, o, number)), 0)]
            if number > len(_COLOURS) and other
        }

    @property
    def open(self) -> list[int]:
        """Numbers of the bands that may have a role."""
        return [
            number
            for number, role in enumerate(self.roles, start=1)
            if number not in self.masks and role not in (OTHER, MASK)
        ]

    @property
    def unsaid(self) -> list[int]:
        """Numbers of those of which nothing is said."""
        return [number for number in self.open if self.roles[number - 1] is None]


def parse_bands(text: str) -> dict[str, int]:
    """Band numbers (from 1) by role of a text such as ``R=1 G=2 B=3 NIR=4 ELEVATION=5``.

    Raises BadInput where the text does not say that.
    """
    bands: dict[str, int] = {}
    for part in re.split(r"[\s,;]+", text.strip()):
        if not part:
            continue
        word, _, number = part.partition("=")
        role = role_of_word(word)
        if role is None or not _NUMBER.fullmatch(number.strip()):
            raise BadInput(f"The bands hold {shown(part)}: write them like R=1 G=2 B=3 NIR=4 ELEVATION=5.")
        if role in bands:
            raise BadInput(f"The bands name {role} twice: name each role once, like R=1 G=2 B=3.")
        bands[role] = int(number)
    return bands


def given_bands(dataset: DatasetReader, path: str, text: str) -> dict[str, int]:
    """Band numbers by role of a job's text. Raises BadInput about ``bands`` where the raster does not have them."""
    with about("bands"):
        bands = parse_bands(text)
        for role, number in bands.items():
            if number > dataset.count:
                raise BadInput(
                    f"The bands name band {number} as {role}, but {path} has {dataset.count}: correct the bands."
                )
    return bands


def what_is_said(dataset: DatasetReader) -> tuple[Said, ...]:
    """What a raster says of each of its bands. Virtual rasters lose the wavelengths of the rasters that they are of."""
    return tuple(
        Said((description or "").strip(), _wavelength(dataset, number), colour.name)
        for number, description, colour in zip(dataset.indexes, dataset.descriptions, dataset.colorinterp)
    )


def _wavelength(dataset: DatasetReader, number: int) -> float | None:
    """Of a band in nm, as GDAL has it from 3.10 on, or as ENVI's files do."""
    micrometres = dataset.tags(number, ns="IMAGERY").get("CENTRAL_WAVELENGTH_UM", "")
    tags = {name.lower(): value for name, value in dataset.tags(number).items()}
    return wavelength_nm(micrometres, "um") or wavelength_nm(
        tags.get("wavelength", ""), tags.get("wavelength_units", "")
    )


def bands_by_role(image: Bands, given: dict[str, int], path: str, warn: Warn) -> dict[str, int]:
    """Band numbers by role: as given, or guessed where nothing is. `warn` takes what the user should know of it.

    Colour infrared does without blue. Raises BadInput, which names ``bands`` where what is given is at fault, where a
    colour is missing.
    """
    bands = given or guess_bands(image, path, warn)
    missing = [role for role in _COLOURS if role not in bands and not (role == "blue" and "nir" in bands)]
    if missing:
        count = "one band" if len(image.said) == 1 else f"{len(image.said)} bands"
        raise BadInput(
            f"The aerial raster {path} has {count} and none for {missing[0]}: "
            "give an image with red, green and blue, and say which is which in the bands.",
            "bands" if given else "",
        )
    for doubt in _contradictions(image, bands):
        warn(doubt)
    return bands


def guess_bands(image: Bands, path: str, warn: Warn) -> dict[str, int]:
    """Band numbers by role: by what is said of them, else by the file's name and their looks, else by their order."""
    named = {role: number for number, role in enumerate(image.roles, start=1) if role in ROLES}
    by_colour = {} if set(_COLOURS) & set(named) else image.colours
    known = {**named, **{role: number for role, number in by_colour.items() if number in image.unsaid}}
    copies = image.copies
    slots = [number for number in image.open if number not in copies and number != named.get("elevation")]
    if set(known) - {"elevation"}:
        bands = _in_known_order(image, slots, known)
        if named and set(bands.values()) - set(known.values()):
            warn(notice("bands_partly_described", used=text_of(bands)))
    else:
        bands = {**_unsaid(image, slots, copies, path, warn), **named}
    _tell_unused(image, bands, copies, warn)
    return bands


def text_of(bands: dict[str, int]) -> str:
    """As a job writes them: ``R=1 G=2 B=3 NIR=4``."""
    return " ".join(f"{_WORDS[role]}={number}" for role, number in sorted(bands.items(), key=lambda item: item[1]))


def _in_known_order(image: Bands, slots: Sequence[int], known: dict[str, int]) -> dict[str, int]:
    """The roles that are known, and those of the other bands where the known ones stand in an order that people use."""
    role_of = {number: role for role, number in known.items()}
    for order in _ORDERS:
        if all(role_of.get(number, role) == role for number, role in zip(slots, order)) and not set(
            slots[len(order) :]
        ) & set(role_of):
            return _by_order(image, slots, order, known)
    return dict(known)


def _unsaid(image: Bands, slots: Sequence[int], copies: dict[int, int], path: str, warn: Warn) -> dict[str, int]:
    """Band numbers by role where no file says any of a picture's."""
    sample = image.sample
    if len(slots) == 1 and not says_infrared(path):
        warn(notice("grey_image"))
        return dict.fromkeys(_COLOURS, slots[0])
    if len(slots) < len(_COLOURS):
        return dict(zip(_COLOURS, slots))
    if all(spectrum.same(sample, slots[0], number) for number in slots[1:3]) and not spectrum.is_flat(sample, slots[0]):
        warn(notice("grey_image"))
        return _by_order(image, slots, _FLAIR, {})
    name = called_infrared(path)
    if name and len(slots) == len(_INFRARED):
        bands = _by_order(image, slots, _INFRARED_FIRST, {})
        warn(notice("infrared_by_name", name=name))
        return bands
    stacked = [copies.get(number) for number in (4, 5)] == [2, 3]  # colour infrared, and then the colours
    if stacked or spectrum.is_infrared_first(sample, slots[:4]):
        bands = _by_order(image, slots, _INFRARED_FIRST, {})
        share = spectrum.share_of_infrared(sample, slots[:4])
        found = notice("infrared_first", number=slots[0], used=text_of(bands))
        warn(with_evidence(found, _picture(sample, slots[0]), brighter_share=round(share, 3)))
        return bands
    bands = _by_order(image, slots, _FLAIR, {})
    if slots[3:4] == [bands.get("elevation")]:
        warn(with_evidence(notice("fourth_is_height", number=slots[3]), _picture(sample, slots[3])))
    return bands


def _by_order(image: Bands, slots: Sequence[int], order: Sequence[str], known: dict[str, int]) -> dict[str, int]:
    """Band numbers by role in an order; a band behind the colours that cannot be what stands there is left out."""
    sample = image.sample
    bands = dict(known)
    for number, role in zip(slots, order):
        if role in bands or number in bands.values():
            continue
        others = list(bands.values())
        behind = number > len(_COLOURS)
        if role == "elevation":
            if spectrum.may_be_height(sample, number, others):
                bands[role] = number
        elif behind and (spectrum.is_flat(sample, number) or spectrum.has_few_values(sample, number)):
            continue
        elif role == "nir" and behind and spectrum.is_surely_height(sample, number, others):
            bands.setdefault("elevation", number)
        else:
            bands[role] = number
    return bands


def _tell_unused(image: Bands, bands: dict[str, int], copies: dict[int, int], warn: Warn) -> None:
    unused: list[Notice] = []
    for number, said in enumerate(image.said, start=1):
        if number in bands.values() or number in image.masks:
            continue
        if number in copies:
            unused.append(notice("band_copy", number=number, other=copies[number]))
        elif said.text:
            unused.append(notice("band_called", number=number, name=said.text))
        elif spectrum.is_flat(image.sample, number):
            unused.append(notice("band_flat", number=number))
        else:
            unused.append(notice("band", number=number))
    if len(unused) > _MOST_NAMED:
        more = len(unused) - _MOST_NAMED + 1
        unused[_MOST_NAMED - 1 :] = [notice("more_bands", number=more)]
    if unused:
        warn(notice("bands_not_used", used=text_of(bands), unused=unused))


def _contradictions(image: Bands, bands: dict[str, int]) -> list[Notice]:
    """What the bands' looks say against their roles."""
    sample = image.sample
    picture = [number for role, number in bands.items() if role != "elevation"]
    doubts = []
    height = bands.get("elevation")
    if height is not None:
        why = _copy_or_mask(sample, height, picture)
        detail = spectrum.shares_detail(sample, height, picture)
        if why is None and detail >= spectrum.DETAIL:
            why = notice("same_detail")
        if why is not None:
            doubts.append(
                with_evidence(notice("elevation_doubtful", number=height, why=why), shared_detail=round(detail, 3))
            )
    infrared = bands.get("nir")
    if infrared is not None:
        others = [number for number in picture if number != infrared]
        why = _copy_or_mask(sample, infrared, others)
        if why is None and spectrum.is_surely_height(sample, infrared, others):
            why = notice("like_heights")
        if why is not None:
            doubt = notice("infrared_doubtful", number=infrared, why=why)
            doubts.append(with_evidence(doubt, _picture(sample, infrared)))
    order = [bands[role] for role in (*_COLOURS, "nir") if role in bands]
    if set(_COLOURS) <= set(bands) and spectrum.is_infrared_first(sample, order):
        share = round(spectrum.share_of_infrared(sample, order), 3)
        doubt = notice("red_doubtful", number=bands["red"])
        doubts.append(with_evidence(doubt, _picture(sample, bands["red"]), brighter_share=share))
    return doubts


def _copy_or_mask(sample: Sample, number: int, others: Sequence[int]) -> Notice | None:
    for other in others:
        if number == other or spectrum.same(sample, number, other):
            return notice("same_as_band", other=other)
    return notice("all_or_nothing") if spectrum.is_mask(sample, number) else None


def _picture(sample: Sample, number: int) -> str:
    """The window of a band in which most is seen; see `Sample.picture`."""
    known = np.where(sample.valid, sample.pixels[number].astype(np.float32), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a window without data
        spread = np.nan_to_num(np.nanstd(known, axis=(1, 2)))
    return sample.picture(number, int(spread.argmax()))
