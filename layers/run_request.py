"""What the dock hands over for one run."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract.segmentation import SegmentationJob


@dataclass(frozen=True)
class RunRequest:
    """Plain values, made on the main thread: nothing of QGIS crosses threads.

    job: what the engine is to do; its output, confidence and probabilities are full paths.
    name: what the queue shows, such as ``ortho_2021``.
    model_title: the model as the user knows it.
    aerial_layer: id of the layer above which the result goes.
    crs_wkt: CRS of the aerial raster as WKT.
    tiles: number of tiles planned; 0 where it is unknown. pixels: of the map; 0 where it is unknown.
    title: what the result is called in the project; empty: as its model.
    """

    job: SegmentationJob
    name: str
    model_title: str
    aerial_layer: str
    crs_wkt: str
    tiles: int = 0
    pixels: int = 0
    title: str = ""
