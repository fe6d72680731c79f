"""What one run of the engine is asked for, and what it answers.

`SegmentationJob` is built by the Processing algorithm, the command line, the tests and anything
else that wants a map; it travels as JSON to the worker. It holds plain values only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .choices import CLASSES, ONE_LOOK
from .image import ImageJob
from .plain import Plain


@dataclass(frozen=True)
class SegmentationJob(ImageJob):
    """One land-cover map to make.

    image: what is mapped, with what beside it, by which model and on what.
    output: path of the label GeoTIFF to write.
    extent: (xmin, ymin, xmax, ymax) in the aerial raster's CRS; None: the whole raster. Labels do not
        depend on it: a raster split into extents gives the labels of the whole, to the pixel.
    mask: GeoJSON-like polygon geometries in the aerial raster's CRS; labels outside are nodata.
    tta: test-time augmentation, ``none``, ``flips`` (4 passes) or ``d4`` (8 passes).
    classes: ``flair13``, the 13 of FLAIR and those that a fine-tuned model was taught by polygons: the model's other
        classes are mapped by name, or become "other"; or ``model``, the model's own. See `inference.classes`.
    confidence: path of the confidence raster to write, or None.
    probabilities: path of the raster of class probabilities to write, or None.
    difference: path of a raster to write, or None: the labels that the map would have without the series, where
        they differ from those with it, and 0 elsewhere.
    strict: whether a doubt about what is given refuses the run, which else goes on with a warning.
    """

    output: str
    extent: tuple[float, float, float, float] | None = None
    mask: tuple[dict[str, Any], ...] | None = None
    tta: str = ONE_LOOK
    confidence: str | None = None
    probabilities: str | None = None
    difference: str | None = None
    classes: str = CLASSES[0]
    strict: bool = False

    REQUIRED: ClassVar[dict[str, str]] = {
        **ImageJob.REQUIRED,
        "output": "The job does not say its output: give a path.",
    }

    def __post_init__(self) -> None:
        for name in ("extent", "mask"):  # JSON makes lists of tuples
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(getattr(self, name)))


@dataclass(frozen=True)
class ModelName(Plain):
    """A model as its card names it."""

    id: str
    title: str


@dataclass(frozen=True)
class SegmentationResult(Plain):
    """What a job left.

    output, confidence, probabilities, difference: paths written (None where not asked for).
    areas_m2: square metres by class value.
    classes: (value, name, colour) of the map's legend.
    tiles: number of tiles predicted; planned_tiles: of the whole map.
    complete: False where the user ended the run early: what was not reached is nodata.
    seconds: wall time of the job.
    device, precision: what it ran on.
    model: that was used.
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
    model: ModelName
    bytes: int
    sentinel2_dates: tuple[str, ...]
    tiles_without_sentinel2: int
    changed_m2: float | None
