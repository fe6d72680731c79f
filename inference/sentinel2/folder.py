"""Several rasters of one series: one a date, or one a band, with masks beside them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from ...contract.cards import SATELLITE_BANDS
from ...contract.errors import BadInput
from ...contract.notices import Warn, notice
from .bands import CLASSES, CLOUDS, MASKS, SNOW, check_complete, without_role
from .place import check_one_place
from .raster import Part, acquisition, parts_of
from .series import Acquisition

SUFFIXES = (".tif", ".tiff", ".jp2", ".vrt", ".img")
_NAMED = 3  # files that a warning names


def read_folder(paths: Sequence[str], where: str, warn: Warn) -> list[Acquisition]:
    """The dates of several rasters, ascending.

    where: what holds them, as it is told to the user. A raster with all bands is an acquisition of its own;
    those with some bands are put together by date and by what their names share; masks go to the raster of
    their date whose name is most alike. Raises BadInput where dates or bands are missing or nothing is usable.
    """
    images: list[Part] = []
    masks: list[Part] = []
    unknown = []
    for path in paths:
        parts = parts_of(path, warn)
        if not parts:
            unknown.append(os.path.basename(path))
        for part in parts:
            (masks if part.only_masks else images).append(part)
    if not images:
        raise BadInput(
            f"{where} has no Sentinel-2 raster of 10 bands or with bands named B2, B3 and so on: choose another folder."
        )
    if unknown:
        more = len(unknown) > _NAMED
        warn(notice("many_unknown_rasters" if more else "unknown_rasters", names=unknown[:_NAMED]))
    images = _together(images)
    for part in images:
        check_complete(part.roles, f"{where} on {part.date}")
    check_one_place([(part.name, part.geobox) for part in images], where)
    by_image: dict[int, list[Part]] = {}
    for mask in masks:
        index = _best(mask, images)
        if index is not None:
            by_image.setdefault(index, []).append(mask)
    found = [_masked(acquisition(part), by_image.get(index, [])) for index, part in enumerate(images)]
    return sorted(found, key=lambda each: (each.date, each.name))


def _together(parts: list[Part]) -> list[Part]:
    """Complete parts as they are, the others put together by date and name; the finer raster gives a band."""
    whole = [part for part in parts if part.complete]
    groups: dict[tuple[str, str], list[Part]] = {}
    for part in parts:
        if not part.complete:
            groups.setdefault((part.date, _key(part.name)), []).append(part)
    for (date, _), members in groups.items():
        members.sort(key=lambda part: max(part.geobox.pixel_size))
        if len({(part.digits.offset, part.digits.scale) for part in members}) > 1:
            raise BadInput(
                f"The Sentinel-2 rasters of {date} differ in what their digital numbers mean "
                f"({members[0].name}, {members[-1].name}): convert them all to reflectance x 10000."
            )
        check_one_place([(part.name, part.geobox) for part in members], f"The Sentinel-2 series on {date}")
        roles = {role: source for part in reversed(members) for role, source in part.roles.items()}
        first = next((part for part in members if SATELLITE_BANDS[0] in part.roles), members[0])
        whole.append(replace(members[0], roles=roles, geobox=first.geobox))
    return whole


def _key(name: str) -> str:
    return without_role(os.path.splitext(name)[0])


def _best(mask: Part, images: list[Part]) -> int | None:
    """The index of the image of a mask's date whose name begins most like the mask's; None without one."""
    same = [index for index, image in enumerate(images) if image.date == mask.date]
    if not same:
        return None

    def likeness(index: int) -> tuple[bool, int]:
        key = _key(images[index].name)
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(key, _key(mask.name)))
        return key == _key(mask.name), sum(1 for _ in alike)

    return max(same, key=likeness)


def _masked(found: Acquisition, masks: list[Part]) -> Acquisition:
    roles = {role: source for mask in reversed(masks) for role, source in mask.roles.items() if role in MASKS}
    return replace(
        found,
        clouds=found.clouds or roles.get(CLOUDS),
        snow=found.snow or roles.get(SNOW),
        classes=found.classes or roles.get(CLASSES),
    )
