"""What the first page hands over for one training."""

from __future__ import annotations

from dataclasses import dataclass

from ...contract.finetuning import FinetuneJob
from ...layers.polygons import PolygonFile


@dataclass(frozen=True)
class FinetuneRequest:
    """Plain values, made on the main thread.

    job: what the engine is to do; its output is a folder for candidates. title: of the model to be.
    base_title: of the model that it comes from. polygons: the file that the job names; a copy goes with the request.
    aerial_layer: id of the image's layer. crs_wkt: CRS of that layer as WKT. image: its name.
    """

    job: FinetuneJob
    title: str
    base_title: str
    polygons: PolygonFile
    aerial_layer: str
    crs_wkt: str
    image: str
