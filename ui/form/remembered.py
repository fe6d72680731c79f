"""What the analyst last used, and how fast this computer last was; kept in QGIS's settings."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace

from qgis.core import QgsSettings

from ...contract.choices import AUGMENTATIONS, CLASSES, ONE_LOOK
from ...contract.image import ImageSettings
from ...contract.plain import fitting
from ...contract.segmentation import SegmentationJob

_LAST_USED = "flair_landcover/last_used"
_PACES = "flair_landcover/paces"
_KEPT_IMAGES = 20  # images whose bands are remembered


@dataclass(frozen=True)
class LastUsed:
    """The choices of the last run, as a job names them; kept as one flat JSON object.

    image: its own bands and dates aside. heights: a `HeightSource` by its value. bands: the bands' text by image.
    left_out: ISO dates not used, by series, as `SeriesField.remembered` gives them. difference: whether a layer
    of what the series changes was wanted. without_infrared: the infrared image that belongs to the image and was not
    wanted, or "".
    """

    image: ImageSettings = field(default_factory=lambda: ImageSettings((), model=""))
    heights: str = "band"
    tta: str = ONE_LOOK
    classes: str = CLASSES[0]
    confidence: bool = False
    probabilities: bool = False
    bands: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    difference: bool = False
    without_infrared: str = ""


def last_used() -> LastUsed:
    """What `remember` kept, or the defaults."""
    values = _stored(_LAST_USED)
    if isinstance(values.get("input"), str):  # as the first version kept it
        values["input"] = [values["input"]]
    image = replace(LastUsed().image, **fitting(ImageSettings, values))
    return LastUsed(**{**fitting(LastUsed, values), "image": image})


def remember(used: LastUsed) -> None:
    """Keeps the choices; of images beyond the last 20 the bands are forgotten."""
    values = asdict(used)
    bands = dict(list(used.bands.items())[-_KEPT_IMAGES:])
    QgsSettings().setValue(_LAST_USED, json.dumps({**values.pop("image"), **values, "bands": bands}))


@dataclass(frozen=True)
class Pace:
    """How fast a run was.

    pass_s: seconds for one pass of the network over one tile, reading and writing included.
    overhead_s: seconds that a run takes beside its tiles. pixel_bytes: bytes of the map to a pixel.
    """

    pass_s: float
    overhead_s: float
    pixel_bytes: float

    def seconds(self, tiles: int, tta: str) -> float:
        """What a run of so many tiles should take."""
        return self.overhead_s + tiles * AUGMENTATIONS[tta] * self.pass_s


def measured_pace(
    tile_times: tuple[float, float, int], seconds: float, tiles: int, tta: str, pixel_bytes: float
) -> Pace:
    """The pace of a finished run.

    tile_times: when the first and the last finished tile came, in seconds since the run began, and how
    many came. seconds, tiles: of the whole run.
    """
    first, last, came = tile_times
    tile_s = (last - first) / (came - 1) if came > 1 else seconds / max(1, tiles)
    return Pace(tile_s / AUGMENTATIONS[tta], max(0.0, seconds - tiles * tile_s), pixel_bytes)


def pace_key(job: SegmentationJob) -> str:
    """What a pace depends on."""
    image = job.image
    satellite = "difference" if job.difference else "sentinel2" if image.sentinel2 else "aerial"
    return "|".join((image.model, image.device, image.precision, satellite))


def last_pace(key: str) -> Pace | None:
    """The pace that `keep_pace` kept for the key."""
    kept = _stored(_PACES).get(key)
    try:
        return Pace(**kept) if kept else None
    except TypeError:  # of another version
        return None


def keep_pace(key: str, pace: Pace) -> None:
    """Keeps a pace for the next estimate."""
    QgsSettings().setValue(_PACES, json.dumps({**_stored(_PACES), key: asdict(pace)}))


def _stored(name: str) -> dict:
    try:
        values = json.loads(QgsSettings().value(name, "") or "{}")
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}
