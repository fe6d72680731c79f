"""Answers of the engine with what a test is about, and nothing remarkable else."""

from __future__ import annotations

from dataclasses import dataclass

from flair_landcover.contract.answers import AerialDescription, Forecast
from flair_landcover.contract.calls import CALLS, EngineCall
from flair_landcover.contract.report import Epoch
from flair_landcover.contract.segmentation import SegmentationResult

_RESULT: dict = {
    "output": "",
    "confidence": None,
    "probabilities": None,
    "difference": None,
    "areas_m2": {},
    "classes": [],
    "tiles": 0,
    "planned_tiles": 0,
    "complete": True,
    "seconds": 1.0,
    "device": "cpu",
    "precision": "fp32",
    "model": {"id": "", "title": ""},
    "bytes": 0,
    "sentinel2_dates": [],
    "tiles_without_sentinel2": 0,
    "changed_m2": None,
}
_FORECAST = {
    "warnings": [],
    "tiles": 1,
    "width": 1,
    "height": 1,
    "area_m2": 1.0,
    "pixel_m": 0.2,
    "bands": {},
    "largest_bytes": 1,
}
_DESCRIPTION = {"pixel_m": 0.2, "width": 1, "height": 1, "pictures": {}}
_EPOCH = {
    "of": 30,
    "holdout_loss": None,
    "holdout_iou": None,
    "training_iou": None,
    "best": False,
    "phase": "Training",
}


def segmentation_result(**given) -> SegmentationResult:
    """What a map's run left."""
    return SegmentationResult.from_dict({**_RESULT, **given})


def forecast(**given) -> Forecast:
    """What a run would do."""
    return Forecast.from_dict({**_FORECAST, **given})


def aerial_description(**given) -> AerialDescription:
    """What an image holds."""
    return AerialDescription.from_dict({**_DESCRIPTION, **given})


def epoch(number: int, loss: float, **given) -> Epoch:
    """An epoch of a training."""
    return Epoch.from_dict({"number": number, "loss": loss, **_EPOCH, **given})


@dataclass(frozen=True)
class Values:
    """Any values, as they travel."""

    values: dict

    def to_dict(self) -> dict:
        return self.values

    @classmethod
    def from_dict(cls, values: dict) -> Values:
        return cls(values)


def plain_call(name: str, quick: bool | None = None) -> EngineCall:
    """A call that takes and gives any values; quick: None: as the engine's own call of the name is."""
    own = CALLS.get(name)
    return EngineCall(name, Values, Values, own is not None and own.quick if quick is None else quick)
