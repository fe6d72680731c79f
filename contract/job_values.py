"""Whether what a job says can be at all: its types, ranges and finite numbers, before anything else sees them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import fields
from typing import Any, cast

from .choices import AUGMENTATIONS, CLASSES, DEVICES, PRECISIONS
from .errors import BadInput, ProtocolError
from .finetuning import FinetuneJob, check_settings
from .image import ImageJob
from .plain import hints_of, read, shown
from .segmentation import SegmentationJob

_LONGEST_TEXT = 32_767  # characters: no path of Windows, whose are the longest, has more
_FARTHEST = 1e9  # CRS units: beyond, no projection has a place, and pixels cannot be counted


def check_values(job: ImageJob) -> None:
    """Raises BadInput, which names the setting, where a value of a job is none that it can have."""
    for holder in (job.image, job):
        hints = hints_of(cast(Any, type(holder)))
        for name in (f.name for f in fields(holder) if f.name != "image"):
            value = getattr(holder, name)
            try:
                read(hints[name], value, name)
            except ProtocolError:
                raise BadInput(f"The setting {name} is {shown(value)}, which it cannot be: correct it.", name) from None
            _check_parts(name, value)
    image = job.image
    _check_choice("precision", "precision", image.precision, PRECISIONS)
    _check_choice("device", "device", image.device, DEVICES)
    if isinstance(job, SegmentationJob):
        _check_choice("tta", "test-time augmentation", job.tta, AUGMENTATIONS)
        _check_choice("classes", "choice of classes", job.classes, CLASSES)
        _check_extent(job)
        _check_mask(job)
    if isinstance(job, FinetuneJob):
        check_settings(job)


def _check_choice(setting: str, name: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise BadInput(f"The {name} {shown(value)} is unknown: choose one of {', '.join(choices)}.", setting)


def _check_parts(name: str, value: Any) -> None:
    for part in _parts(value):
        if isinstance(part, str) and not _is_utf8(part):
            raise BadInput(
                f"The setting {name} is {shown(part)}, a name that is no UTF-8, which GDAL cannot open: rename it.",
                name,
            )
        if isinstance(part, str) and ("\0" in part or len(part) > _LONGEST_TEXT):
            raise BadInput(f"The setting {name} is no text that can be used, {shown(part)}: correct it.", name)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # Python's lone surrogates stand for bytes that are none
        return False
    return True


def _parts(value: Any) -> Iterator[Any]:
    """All texts and numbers in nested lists and objects, however deep."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, (list, tuple)):
            waiting += part
        else:
            yield part


def _check_extent(job: SegmentationJob) -> None:
    if job.extent is None:
        return
    text = " ".join(f"{value:.10g}" for value in job.extent)
    if not all(abs(value) <= _FARTHEST for value in job.extent):  # nor NaN
        raise BadInput(
            f"The extent {text} is not four numbers of a place: give XMIN YMIN XMAX YMAX in the raster's CRS.", "extent"
        )
    xmin, ymin, xmax, ymax = job.extent
    if not (xmin < xmax and ymin < ymax):
        raise BadInput(
            f"The extent {text} is empty: give XMIN YMIN XMAX YMAX, each minimum smaller than its maximum.", "extent"
        )


def _check_mask(job: SegmentationJob) -> None:
    if job.mask is None:
        return
    if not job.mask or not all(map(_is_polygon, job.mask)):
        raise BadInput("The mask has no valid polygons: choose a layer with polygons, or no mask.", "mask")


def _is_polygon(geometry: dict[str, Any]) -> bool:
    """Whether GDAL can take it for a polygon, or several: it ends the process at what is none."""
    if set(geometry) != {"type", "coordinates"}:
        return False
    kind, coordinates = geometry["type"], geometry["coordinates"]
    polygons: Any = {"Polygon": [coordinates], "MultiPolygon": coordinates}.get(str(kind))
    return _full(polygons) and all(_full(rings) and all(map(_is_ring, rings)) for rings in polygons)


def _is_ring(ring: Any) -> bool:
    return isinstance(ring, (list, tuple)) and len(ring) >= 4 and all(map(_is_position, ring))


def _is_position(position: Any) -> bool:
    return (
        isinstance(position, (list, tuple))
        and 2 <= len(position) <= 4
        and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in position)
        and all(abs(value) <= _FARTHEST for value in position[:2])
        and all(math.isfinite(value) for value in position[2:])
    )


def _full(parts: Any) -> bool:
    return isinstance(parts, (list, tuple)) and len(parts) > 0
