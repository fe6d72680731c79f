"""Jobs of flat settings, as they stand in JSON."""

from __future__ import annotations

from typing import TypeVar

from flair_landcover.contract.finetuning import FinetuneJob
from flair_landcover.contract.image import ImageJob
from flair_landcover.contract.segmentation import SegmentationJob

_Job = TypeVar("_Job", bound=ImageJob)


def segmentation_job(input: str | tuple[str, ...], output: str, **settings) -> SegmentationJob:
    """A map to make of an image, of one file or several."""
    return SegmentationJob.from_dict({"input": input, "output": output, **settings})


def finetune_job(input: str, polygons: str, **settings) -> FinetuneJob:
    """A model to make of an image and polygons."""
    return FinetuneJob.from_dict({"input": input, "polygons": polygons, **settings})


def changed(job: _Job, **settings) -> _Job:
    """The job with some of its settings, and of its image's, changed."""
    return type(job).from_dict({**job.to_dict(), **settings})
