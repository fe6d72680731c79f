"""What the dock gives the window of a fine-tuning, and what that window's first page asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qgis.core import QgsRasterLayer, QgsVectorLayer
from qgis.PyQt.QtWidgets import QWidget

from ...contract.finetuning import FinetuneJob
from ...contract.nomenclature import LandCoverClass
from ...layers.chosen_image import ChosenImage
from ...layers.polygons import PolygonFile
from ...layers.run_request import RunRequest


@dataclass(frozen=True)
class DockServices:
    """What the dock knows and does for a fine-tuning.

    model, devices, device: the form's, when the window opens; devices as (id, name). image: what the form says of the
    image now. annotations: the layer to draw polygons in, of these classes over this image, asked for over a window
    where there is none; None where the user gives up. draw: begins a polygon in a layer; both raise AnnotationsError.
    map_image: queues a run and gives what cancels it, see `RunQueue.add_watched`. is_mapping: whether a run waits or
    goes on. versions: of the engine and its libraries, None where they are not known.
    """

    model: str
    devices: Sequence[tuple[str, str]]
    device: str
    image: Callable[[], ChosenImage]
    annotations: Callable[[QWidget, QgsRasterLayer, Sequence[LandCoverClass]], QgsVectorLayer | None]
    draw: Callable[[QgsVectorLayer], None]
    map_image: Callable[[RunRequest, Callable[[bool, Exception | None], None]], Callable[[], None]]
    is_mapping: Callable[[], bool]
    versions: Callable[[], dict | None] = lambda: None


@dataclass(frozen=True)
class FinetuneRequest:
    """One training: plain values, made on the main thread.

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
