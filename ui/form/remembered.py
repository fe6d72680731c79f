"""What the analyst last used, and how fast this computer last was; kept in QGIS's settings."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TypeVar

from qgis.core import QgsSettings

from ...contract.segmentation import FLAIR13, SegmentationJob

_LAST_USED = "flair_landcover/last_used"
_PACES = "flair_landcover/paces"
_KEPT_IMAGES = 20  # images whose bands are remembered

# Passes of the network for each tile; see inference/predict.py.
_PASSES = {"none": 1, "flips": 4, "d4": 8}

_Kept = TypeVar("_Kept")


@dataclass(frozen=True)
class LastUsed:
    """The choices of the last run, as a job names them.

    heights: a `HeightSource` by its value. bands: the bands' text by image. sentinel2: paths of the series.
    left_out: ISO dates not used, by series, as `SeriesField.remembered` gives them. difference: whether a layer
    of what the series changes was wanted.
    """

    input: str = ""
    heights: str = "band"
    elevation: str = ""
    terrain: str = ""
    sentinel2: tuple[str, ...] = ()
    model: str = ""
    device: str = "auto"
    precision: str = "auto"
    tta: str = "none"
    classes: str = FLAIR13
    confidence: bool = False
    probabilities: bool = False
    bands: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    difference: bool = False


def last_used() -> LastUsed:
    """What `remember` kept, or the defaults."""
    return _read(LastUsed, _stored(_LAST_USED))


def remember(used: LastUsed) -> None:
    """Keeps the choices; of images beyond the last 20 the bands are forgotten."""
    bands = dict(list(used.bands.items())[-_KEPT_IMAGES:])
    QgsSettings().setValue(_LAST_USED, json.dumps({**asdict(used), "bands": bands}))


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
        return self.overhead_s + tiles * _PASSES[tta] * self.pass_s


def measured_pace(
    tile_times: tuple[float, float, int], seconds: float, tiles: int, tta: str, pixel_bytes: float
) -> Pace:
    """The pace of a finished run.

    tile_times: when the first and the last finished tile came, in seconds since the run began, and how
    many came. seconds, tiles: of the whole run.
    """
    first, last, came = tile_times
    tile_s = (last - first) / (came - 1) if came > 1 else seconds / max(1, tiles)
    return Pace(tile_s / _PASSES[tta], max(0.0, seconds - tiles * tile_s), pixel_bytes)


def pace_key(job: SegmentationJob) -> str:
    """What a pace depends on."""
    satellite = "difference" if job.difference else "sentinel2" if job.sentinel2 else "aerial"
    return "|".join((job.model, job.device, job.precision, satellite))


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


def _read(kind: type[_Kept], values: dict) -> _Kept:
    """A dataclass of the values that fit; what another version wrote differently is left out."""
    defaults = kind()
    # JSON makes lists of tuples.
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    fitting = {
        f.name: values[f.name] for f in fields(kind) if isinstance(values.get(f.name), type(getattr(defaults, f.name)))
    }
    return kind(**fitting)
