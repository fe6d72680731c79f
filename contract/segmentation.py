"""What one run of the engine is asked for, and what it answers.

`SegmentationJob` is built by the Processing algorithm, the command line, the tests and anything
else that wants a map; it travels as JSON to the worker. It holds plain values only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Protocol

from .errors import BadInput

FLAIR13, MODEL = "flair13", "model"  # whose classes a map shows
CLASSES = (FLAIR13, MODEL)

_DATED = re.compile(r"^(.+)@(\d{4}-\d{2}-\d{2})$", re.DOTALL)


def texts(given: str | Iterable[str] | None) -> tuple[str, ...]:
    """One text or several as a tuple, without the empty ones."""
    return tuple(text for text in ((given,) if isinstance(given, str) else given or ()) if text)


def refuse_unknown(kind: type, values: dict) -> None:
    """Raises BadInput where `values` hold a setting that the job of the dataclass `kind` does not have."""
    unknown = sorted(set(values) - {f.name for f in fields(kind)})
    if unknown:
        raise BadInput(f"The job holds a setting that this version does not know: {unknown[0]}. Remove it.")


@dataclass(frozen=True)
class SegmentationJob:
    """One land-cover map to make.

    input: path of the aerial raster.
    output: path of the label GeoTIFF to write.
    bands: band numbers by role, such as ``R=1 G=2 B=3 NIR=4 ELEVATION=5``; empty: found out by band
        descriptions, else by position.
    elevation: path of a raster of heights above ground in metres, used for the role elevation.
    terrain: path of a terrain model in metres; with it `elevation` is a surface model, and the height above
        ground is the difference of both where both have data. None: `elevation` is above ground already.
    extent: (xmin, ymin, xmax, ymax) in the aerial raster's CRS; None: the whole raster. Labels do not
        depend on it: a raster split into extents gives the labels of the whole, to the pixel.
    mask: GeoJSON-like polygon geometries in the aerial raster's CRS; labels outside are nodata.
    sentinel2: paths of a Sentinel-2 series: of one raster, folder, product or data cube, or of several rasters of
        one date each. One path may be given as it is; it becomes a tuple of one. After a raster that does not say
        its date, or the wrong one, it can stand behind an @: ``clip.tif@2021-04-15``.
    leave_out: ISO dates of the series that are not to be used.
    model: id of an installed model, or the path of a model folder or checkpoint.
    device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
    precision: ``auto``, ``fp32`` or ``bf16``.
    tta: test-time augmentation, ``none``, ``flips`` (4 passes) or ``d4`` (8 passes).
    classes: ``flair13``, the 13 of FLAIR and those that a fine-tuned model was taught by polygons: the model's other
        classes are mapped by name, or become "other"; or ``model``, the model's own. See `inference.classes`.
    confidence: path of the confidence raster to write, or None.
    probabilities: path of the raster of class probabilities to write, or None.
    difference: path of a raster to write, or None: the labels that the map would have without the series, where
        they differ from those with it, and 0 elsewhere.
    """

    input: str
    output: str
    bands: str = ""
    elevation: str | None = None
    terrain: str | None = None
    extent: tuple[float, float, float, float] | None = None
    mask: tuple[dict, ...] | None = None
    sentinel2: tuple[str, ...] | None = None
    leave_out: tuple[str, ...] = ()
    model: str = "bundled"
    device: str = "auto"
    precision: str = "auto"
    tta: str = "none"
    confidence: str | None = None
    probabilities: str | None = None
    difference: str | None = None
    classes: str = FLAIR13

    def __post_init__(self) -> None:
        object.__setattr__(self, "sentinel2", texts(self.sentinel2) or None)
        object.__setattr__(self, "leave_out", texts(self.leave_out))

    def to_dict(self) -> dict:
        """Plain JSON values; `from_dict` gives the same job back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> SegmentationJob:
        """The job that `to_dict` described.

        Raises BadInput where a name is unknown or a required one is missing.
        """
        refuse_unknown(cls, values)
        missing = [name for name in ("input", "output") if not values.get(name)]
        if missing:
            raise BadInput(f"The job does not say its {missing[0]}: give a path.", missing[0])
        tuples = {name: tuple(values[name]) for name in ("extent", "mask") if values.get(name) is not None}
        return cls(**{**values, **tuples})


@dataclass(frozen=True)
class SegmentationResult:
    """What a job left.

    output, confidence, probabilities, difference: paths written (None where not asked for).
    areas_m2: square metres by class value.
    classes: (value, name, colour) of the map's legend.
    tiles: number of tiles predicted; planned_tiles: of the whole map.
    complete: False where the user ended the run early: what was not reached is nodata.
    seconds: wall time of the job.
    device, precision: what it ran on.
    model: ``{"id", "title"}`` of the model that was used.
    bytes: size of the label file.
    sentinel2_dates: ISO dates of the series that some tile used, ascending.
    tiles_without_sentinel2: tiles that were predicted from the aerial image alone although a series was given.
    changed_m2: square metres whose label the series changed; None where `difference` is.
    """

    output: str
    confidence: str | None
    probabilities: str | None
    difference: str | None
    areas_m2: dict[int, float]
    classes: tuple[tuple[int, str, str], ...]
    tiles: int
    planned_tiles: int
    complete: bool
    seconds: float
    device: str
    precision: str
    model: dict[str, str]
    bytes: int
    sentinel2_dates: tuple[str, ...]
    tiles_without_sentinel2: int
    changed_m2: float | None

    def to_dict(self) -> dict:
        """Plain JSON values (JSON makes the keys of `areas_m2` strings)."""
        return asdict(self)


class Report(Protocol):
    """How a job speaks to whoever started it. Called from the thread that runs the job."""

    def progress(self, fraction: float, message: str, remaining_s: float | None = None) -> None:
        """fraction: 0..1 of the work done; remaining_s: seconds still expected, None if unknown."""

    def warning(self, message: str) -> None:
        """Something that the user should know, in one sentence; the job goes on."""

    def tile(self, transform: tuple[float, float, float, float, float, float], png: bytes) -> None:
        """A block of the map is final and written.

        transform: (a, b, c, d, e, f) from pixels of the picture to the aerial raster's CRS:
            x = a * column + b * row + c, y = d * column + e * row + f.
        png: the block in the legend's colours, transparent where nodata, thinned (see `inference.picture`).
        """

    def cancelled(self) -> bool:
        """True once the user wants the job to stop and leave nothing; asked at least once a tile."""

    def enough(self) -> bool:
        """True once the user wants the job to end with the map as far as it is; asked at least once a tile."""


def dated_path(text: str) -> tuple[str, str]:
    """A path of a series without the date that stands behind its @, and that date as ISO; "" where there is none."""
    match = None if os.path.exists(text) else _DATED.match(text)
    return (match[1], match[2]) if match else (text, "")
