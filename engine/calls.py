"""What the engine does at each call of `contract.calls`.

torch and rasterio are imported inside the functions, so that the process takes messages at once.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ..contract import calls
from ..contract.answers import (
    AerialDescription,
    AnnotationSummary,
    Forecast,
    Hello,
    InstalledModels,
    KeptModel,
    Recognised,
    SeriesOverview,
)
from ..contract.errors import BadInput
from ..contract.finetuning import FinetuneJob, FinetuneResult
from ..contract.report import FinetuneReport
from ..contract.segmentation import SegmentationJob, SegmentationResult
from ..contract.version import plugin_version
from ..inference.backends.loading import loading
from .fetch import fetch

Function = Callable[[Any, FinetuneReport], Any]


@dataclass(frozen=True)
class Served:
    """A call and the function that answers it: its parameters and a report in, its answer out."""

    call: calls.EngineCall
    function: Function


SERVED: dict[str, Served] = {}


def serves(call: calls.EngineCall) -> Callable[[Function], Function]:
    """Makes the function below the one that answers a call."""

    def register(function: Function) -> Function:
        SERVED[call.name] = Served(call, function)
        return function

    return register


@serves(calls.HELLO)
def hello(params: calls.Nothing, report: FinetuneReport) -> Hello:
    """Who answers."""
    _load_engine()
    import rasterio

    from ..inference.backends.backend import available_devices

    devices = available_devices()
    import torch  # loaded by the line above, by one thread alone

    versions = {
        "plugin": plugin_version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "rasterio": rasterio.__version__,
        # Read without importing it: the import takes seconds.
        "smp": metadata.version("segmentation-models-pytorch"),
    }
    return Hello(versions, devices, str(Path(__file__).absolute().parent.parent), sys.executable)


@serves(calls.SEGMENT)
def segment(job: SegmentationJob, report: FinetuneReport) -> SegmentationResult:
    """Makes a map."""
    _load_engine()
    from ..inference.segment import segment as run

    return run(job, report)


@serves(calls.CHECK)
def check(job: SegmentationJob, report: FinetuneReport) -> Forecast:
    """What `segment` would do with the same job, or refuse."""
    _load_engine()
    from ..inference.forecast import forecast

    return forecast(job, report.cancelled)


@serves(calls.DESCRIBE)
def describe(question: calls.AerialQuestion, report: FinetuneReport) -> AerialDescription:
    """What an aerial raster holds."""
    _load_engine()
    from ..inference.describe import describe as look

    return look(question.image, question.extent)


@serves(calls.SERIES)
def series(job: SegmentationJob, report: FinetuneReport) -> SeriesOverview:
    """What the Sentinel-2 series of a job holds."""
    _load_engine()
    from ..inference.series_overview import overview

    return overview(job, report.cancelled)


@serves(calls.FINETUNE)
def finetune(job: FinetuneJob, report: FinetuneReport) -> FinetuneResult:
    """Makes a model of another and some polygons."""
    _load_annotations()
    with loading("torch"):
        from ..finetune.finetune import finetune as run

    return run(job, report)


@serves(calls.ANNOTATIONS)
def annotation_summary(job: FinetuneJob, report: FinetuneReport) -> AnnotationSummary:
    """What the polygons of a fine-tuning hold."""
    _load_annotations()
    from ..finetune.summary import summary

    return summary(job, report.cancelled)


@serves(calls.MODELS)
def models(params: calls.Nothing, report: FinetuneReport) -> InstalledModels:
    """The cards of the installed models."""
    from ..models.library import installed_models

    return InstalledModels(tuple(installed_models()))


@serves(calls.RECOGNISE)
def recognise(file: calls.ModelFile, report: FinetuneReport) -> Recognised:
    """What a zip, model folder or checkpoint would bring into the library; writes nothing."""
    path = _path_of(file)
    with loading("torch"):
        from .import_model import recognise as look

    return look(path)


@serves(calls.IMPORT_MODEL)
def import_model(file: calls.ModelFile, report: FinetuneReport) -> KeptModel:
    """Takes a zip, model folder or checkpoint into the library."""
    path = _path_of(file)
    with loading("torch"):
        from .import_model import import_model as run

    return KeptModel(run(path, file.title))


@serves(calls.FETCH_MODEL)
def fetch_model(model: calls.HubModel, report: FinetuneReport) -> KeptModel:
    """Takes a model of the hub into the library."""
    if not model.hub_id.strip():
        raise BadInput("No model is named: give its name on the model hub, as owner/name.", "hub_id")
    return KeptModel(fetch(model.hub_id, report))


def _path_of(file: calls.ModelFile) -> str:
    if not file.path:
        raise BadInput("No model is named: give the path of a zip, a model folder or a checkpoint.", "path")
    return file.path


def _load_annotations() -> None:
    """Makes what reads polygons, pyogrio and shapely with it, ready to be imported by any thread."""
    _load_engine()
    with loading("annotations"):
        from ..finetune import summary  # noqa: F401


def _load_engine() -> None:
    """Makes the engine's own modules, and rasterio with them, ready to be imported by any thread."""
    with loading("engine"):
        from ..inference import describe, forecast, segment, series_overview  # noqa: F401
