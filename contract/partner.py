"""Finds the colour infrared image that belongs to an image of the same place, by the names that people give both.

IGN delivers BD ORTHO as two products whose tiles are called alike: ``49-2022-0440-6700-LA93-0M20-E080.jp2`` in the
folder ``OHR_RVB_0M20_JP2-E080_LAMB93_D49-2022`` of the archive ``BDORTHO_2-0_RVB-0M20_...``, and
``49-2022-0440-6700-LA93-0M20-IRC-E080.jp2`` in ``OHR_IRC_...`` of ``BDORTHO_2-0_IRC-0M20_...``. The folders of the
delivery between them, ``1_DONNEES_LIVRAISON_2022-11-00196``, have numbers of their own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

_INFRARED = frozenset({"irc", "cir", "pir", "nir", "ir", "infrarouge", "infrared"})
_COLOURS = frozenset({"rvb", "rgb"})
_DELIVERY = re.compile(r"^1_donnees_livraison_", re.IGNORECASE)
_RASTERS = (".jp2", ".tif", ".tiff", ".vrt", ".ecw", ".img")  # what a partner may be, the first that is there
_LEVELS = 5  # folders of an archive of BD ORTHO above a tile: OHR_..., 1_DONNEES_..., ORTHOHR, and its own, twice


def partner_of(path: str) -> str | None:
    """The colour infrared image of an image's place: a file of a file, a folder of a folder; None where none is found.

    It is looked for by its name beside the image, in folders there that are called for it (``IRC``), and in the
    folder that is called like the image's, or like one above it, but for IRC in place of RVB.
    """
    folder, name = os.path.split(os.path.abspath(path))
    if says_infrared(name) or "://" in path or path.startswith("/vsi"):
        return None
    suffix = "" if os.path.isdir(path) else os.path.splitext(name)[1].lower()
    below = [name]
    for level in range(_LEVELS):
        for entry in _named_for_infrared(folder, below[0], len(below) == 1, suffix):
            found = _descend(entry, below[1:], suffix) if len(below) > 1 else entry
            if found is not None:
                return found
        if level == 0:
            for inner in _folders(folder):
                if says_infrared(inner) and not _words(inner) - _INFRARED:
                    found = _descend(os.path.join(folder, inner), below, suffix)
                    if found is not None:
                        return found
        folder, above = os.path.split(folder)
        if not above:
            return None
        below.insert(0, above)
    return None


def are_partners(image: str, infrared: str) -> bool:
    """Whether an image and a colour infrared one are called alike, wherever they lie: layers of a project."""
    image, infrared = (os.path.splitext(os.path.basename(path))[0] for path in (image, infrared))
    return says_infrared(infrared) and not says_infrared(image) and _key(image) == _key(infrared)


def infrared_among(paths: Iterable[str]) -> list[str]:
    """Those of some paths that are colour infrared images, where any is that of another one of them, by their names."""
    stems = {path: os.path.splitext(os.path.basename(path))[0] for path in paths}
    keys = {_key(stem) for stem in stems.values() if not says_infrared(stem)}
    infrared = {path: stem for path, stem in stems.items() if says_infrared(stem)}
    return list(infrared) if any(_key(stem) in keys for stem in infrared.values()) else []


def says_infrared(name: str) -> bool:
    """Whether the name of a file or folder says that it holds infrared; the folders above it are not looked at."""
    return bool(_words(os.path.basename(name)) & _INFRARED)


def _words(name: str) -> set[str]:
    return set(re.split(r"[^0-9a-z]+", os.path.splitext(name.lower())[0])) - {""}


def _key(name: str) -> tuple[str, ...]:
    """What a name says besides the colours that it holds."""
    return tuple(word for word in re.split(r"[^0-9a-z]+", name.lower()) if word not in _INFRARED | _COLOURS)


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from sorted(entries, key=lambda entry: entry.name)
    except OSError:  # a folder that may not be read holds nothing
        return


def _folders(folder: str) -> list[str]:
    return [entry.name for entry in _entries(folder) if entry.is_dir()]


def _named_for_infrared(folder: str, name: str, last: bool, suffix: str) -> Iterator[str]:
    """Entries of a folder that are called like `name`, but for the infrared."""
    for found in _alike(folder, name, last, suffix):
        if says_infrared(found) and found != name:
            yield os.path.join(folder, found)


def _descend(folder: str, below: list[str], suffix: str) -> str | None:
    """What in a folder of infrared images answers to the way `below` in the folder of colours."""
    name, last = below[0], len(below) == 1
    found = sorted(_alike(folder, name, last, suffix), key=lambda entry: not says_infrared(entry))
    for entry in found:
        whole = os.path.join(folder, entry)
        there = whole if last else _descend(whole, below[1:], suffix)
        if there is not None:
            return there
    return None


def _alike(folder: str, name: str, last: bool, suffix: str) -> list[str]:
    """Names in a folder that say the same as `name` besides colours: of files with pixels at the end of the way."""
    if not (last and suffix):
        delivery = bool(_DELIVERY.match(name))
        return [
            other
            for other in _folders(folder)
            if _key(other) == _key(name) or (delivery and bool(_DELIVERY.match(other)))
        ]
    suffixes = dict.fromkeys((suffix, *_RASTERS))
    key = _key(os.path.splitext(name)[0])
    found: dict[str, list[str]] = {ending: [] for ending in suffixes}
    for entry in _entries(folder):
        stem, ending = os.path.splitext(entry.name)
        if ending.lower() in found and _key(stem) == key and entry.is_file():
            found[ending.lower()].append(entry.name)
    return [name for names in found.values() for name in names]
