"""The calls of the engine: what each takes and gives, and whether it only looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from .answers import (
    AerialDescription,
    AnnotationSummary,
    Forecast,
    Hello,
    InstalledModels,
    KeptModel,
    Recognised,
    SeriesOverview,
)
from .finetuning import FinetuneJob, FinetuneResult
from .image import ImageJob
from .plain import Plain
from .segmentation import SegmentationJob, SegmentationResult

_Travelling = TypeVar("_Travelling", bound="Travelling")


class Travelling(Protocol):
    """What crosses between the two Pythons: see `plain.Plain`, and `image.ImageJob` for jobs."""

    def to_dict(self) -> dict[str, Any]: ...

    @classmethod
    def from_dict(cls: type[_Travelling], values: dict[str, Any]) -> _Travelling: ...


Params = TypeVar("Params", bound=Travelling)
Answer = TypeVar("Answer", bound=Travelling)


@dataclass(frozen=True)
class EngineCall(Generic[Params, Answer]):
    """A call of the engine.

    params, answer: the dataclasses that travel. quick: it looks and writes nothing, and is answered while a map runs.
    """

    name: str
    params: type[Params]
    answer: type[Answer]
    quick: bool = False


@dataclass(frozen=True)
class Nothing(Plain):
    """What a call takes that asks for nothing in particular."""


@dataclass(frozen=True)
class AerialQuestion(ImageJob):
    """An aerial image to describe.

    extent: (xmin, ymin, xmax, ymax) in its CRS, around whose centre to look; None: its own centre.
    """

    extent: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        if self.extent is not None:  # JSON makes a list of it
            object.__setattr__(self, "extent", tuple(self.extent))


@dataclass(frozen=True)
class ModelFile(Plain):
    """A zip, model folder or checkpoint. title: that the model gets in the library; empty: as it is."""

    path: str = ""
    title: str = ""


@dataclass(frozen=True)
class HubModel(Plain):
    """A model of the hub. hub_id: its name there, ``owner/name``."""

    hub_id: str = ""


HELLO = EngineCall("hello", Nothing, Hello, quick=True)
SEGMENT = EngineCall("segment", SegmentationJob, SegmentationResult)
# What `SEGMENT` would do with the same job, or refuse.
CHECK = EngineCall("check", SegmentationJob, Forecast, quick=True)
DESCRIBE = EngineCall("describe", AerialQuestion, AerialDescription, quick=True)
# What the Sentinel-2 series of a job holds.
SERIES = EngineCall("series", SegmentationJob, SeriesOverview, quick=True)
FINETUNE = EngineCall("finetune", FinetuneJob, FinetuneResult)
# What the polygons of a job hold.
ANNOTATIONS = EngineCall("annotations", FinetuneJob, AnnotationSummary, quick=True)
MODELS = EngineCall("models", Nothing, InstalledModels, quick=True)
# What an import would bring; writes nothing, but reads for long.
RECOGNISE = EngineCall("recognise", ModelFile, Recognised)
IMPORT_MODEL = EngineCall("import_model", ModelFile, KeptModel)
# What arrived before a cancel stays, and the next call goes on from it.
FETCH_MODEL = EngineCall("fetch_model", HubModel, KeptModel)

CALLS: dict[str, EngineCall[Any, Any]] = {
    call.name: call
    for call in (
        *(HELLO, SEGMENT, CHECK, DESCRIBE, SERIES, FINETUNE, ANNOTATIONS),
        *(MODELS, RECOGNISE, IMPORT_MODEL, FETCH_MODEL),
    )
}
