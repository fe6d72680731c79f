"""Fetches the drawn area of a web layer that is chosen as the image, or as its infrared, and chooses what came."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from qgis.core import QgsProject, QgsRectangle
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import QCoreApplication, QLocale, pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QMessageBox, QPushButton, QVBoxLayout, QWidget

from ...contract.origin import ImageOrigin
from ...layers.area import Area
from ...layers.fetched import add_fetched, temporary_image
from ...layers.sources import layer_of
from ...layers.web_grid import grid_over, local_crs
from ...layers.web_image import FetchPlan, fetch_image, plan_fetch
from ...layers.web_layer import WebLayer, is_web_layer, web_layer
from ..tasks.background_task import BackgroundTask
from ..tasks.task_row import TaskRow
from ..widgets.labels import Sentence
from ..widgets.raster_chooser import RasterChooser
from .area_field import AreaField


@dataclass(frozen=True)
class _Wanted:
    """One image to fetch. chooser: in which it is to be chosen. id: of its web layer."""

    chooser: RasterChooser
    id: str
    layer: WebLayer
    path: str


class FetchRow(QWidget):
    """Hidden while no web layer is chosen.

    aerial, infrared: where layers are chosen. area: where it is drawn. pixel_m: gives the model's ground sampling
    distance in metres. confirm: asks whether a large image is really wanted.
    changed: a fetch began or ended.
    """

    changed = pyqtSignal()

    def __init__(
        self,
        aerial: RasterChooser,
        infrared: RasterChooser,
        area: AreaField,
        pixel_m: Callable[[], float],
        confirm: Callable[[str], bool] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._aerial = aerial
        self._infrared = infrared
        self._area = area
        self._pixel_m = pixel_m
        self._confirm = confirm or self._ask
        self._came: list[tuple[_Wanted, ImageOrigin]] = []
        self._said = ""  # how the last fetch ended, until something is changed
        self.button = QPushButton(self.tr("Fetch this area"), self)
        self.button.setToolTip(self.tr("Writes what the server shows of the area into a GeoTIFF, and takes that"))
        self.button.setAutoDefault(False)
        self.file = QgsFileWidget(self)
        self.file.setStorageMode(QgsFileWidget.StorageMode.SaveFile)
        self.file.setFilter("GeoTIFF (*.tif *.tiff)")
        self.file.setDialogTitle(self.tr("Fetched image"))
        self.file.lineEdit().setPlaceholderText(self.tr("temporary file"))
        self.file.lineEdit().setAccessibleName(self.tr("File of the fetched image; empty for a temporary one"))
        self.cost = Sentence(self)
        self.task = TaskRow(self)
        row = QHBoxLayout()
        row.addWidget(self.button)
        row.addWidget(self.file, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(self.cost)
        column.addWidget(self.task)
        self.setFocusProxy(self.button)
        for widget in (aerial, infrared, area):
            widget.changed.connect(self._on_changed)
        self.file.fileChanged.connect(lambda _: self._on_changed())
        self.button.clicked.connect(lambda _: self.fetch())
        self.refresh()

    def complaint(self, chooser: RasterChooser) -> str:
        """Why no map can be made of a web layer that is chosen, a sentence for the user; "" for other layers."""
        layer = chooser.layer()
        if layer is None or not is_web_layer(layer):
            return ""
        return self.tr("{} is a web layer: draw the area to map, then “Fetch this area”.").format(layer.name())

    def refresh(self) -> None:
        """Shows what a fetch would take, or what is missing."""
        self.setVisible(bool(self._choosers()) or self.task.working())
        working = self.task.working()
        self.file.setEnabled(not working)
        self.button.setEnabled(False)
        if not self._choosers() or working:
            self.cost.say("" if working else self._said, wrong=bool(self._said))
            return
        try:
            _, plan = self._plan()
        except ValueError as error:
            self.cost.say(self._said or str(error), wrong=bool(self._said))
            return
        self.button.setEnabled(True)
        self.cost.say(self._said or _cost_text(plan), wrong=bool(self._said))

    def fetch(self) -> None:
        """Begins, after a question where the image is large."""
        try:
            wanted, plan = self._plan()
        except ValueError as error:
            self.cost.say(str(error), wrong=True)
            return
        if plan.is_large() and not self._confirm(
            self.tr("This is a large image: {}. Does the server allow that, and do you want all of it?").format(
                _cost_text(plan)
            )
        ):
            return
        self._said = ""
        self._came = came = []

        def work(task: BackgroundTask) -> bool:
            for number, each in enumerate(wanted):

                def tell(fraction: float, text: str, before: int = number) -> None:
                    task.tell((before + fraction) / len(wanted), text)

                infrared = each.chooser is self._infrared
                came.append((each, fetch_image(each.layer, plan.grid, each.path, tell, task.stopped, infrared)))
            return True

        if self.task.start(self.tr("Fetching {}").format(wanted[0].layer.name), work, self._on_ended):
            self.refresh()
            self.changed.emit()

    def shut(self) -> None:
        """Stops what goes on, without a question and without waiting."""
        self.task.shut()

    def _choosers(self) -> list[RasterChooser]:
        """Those in which a web layer is chosen."""
        return [each for each in (self._aerial, self._infrared) if is_web_layer(each.layer())]

    def _plan(self) -> tuple[list[_Wanted], FetchPlan]:
        """What is to be fetched, and what that takes.

        Raises ValueError, with a sentence for the user, where something is missing or wrong.
        """
        area, project = self._area.area(), QgsProject.instance()
        chosen = [(chooser, layer) for chooser in self._choosers() if (layer := chooser.layer()) is not None]
        image = self._aerial.layer() or chosen[0][1]
        if area is None:
            raise ValueError(
                self.tr("Draw the area that is to be fetched from {}, or choose it, under “Area”.").format(
                    chosen[0][1].name()
                )
            )
        extent = _extent_of(area)
        crs = local_crs(extent, area.crs, [image.crs(), project.crs()])
        # Infrared beside an image of a file gets that one's pixels.
        own = not is_web_layer(image) and image.crs() == crs
        grid = grid_over(extent, area.crs, image.rasterUnitsPerPixelX() if own else self._pixel_m(), crs)
        paths = self._paths(len(chosen))
        wanted = [_Wanted(each, layer.id(), web_layer(layer), path) for (each, layer), path in zip(chosen, paths)]
        return wanted, plan_fetch([each.layer for each in wanted], grid)

    def _paths(self, count: int) -> list[str]:
        chosen = self.file.filePath().strip()
        path = os.path.abspath(os.path.expanduser(chosen)) if chosen else temporary_image()
        stem, ending = os.path.splitext(path)
        if ending.lower() not in (".tif", ".tiff"):
            stem, ending = path, ".tif"
        paths = [stem + ending, stem + "_infrared" + ending][:count]
        for shown in filter(None, map(layer_of, paths)):
            raise ValueError(
                self.tr("The layer {} shows this file: choose another name, or remove the layer first.").format(
                    shown.name()
                )
            )
        return paths

    def _on_changed(self) -> None:
        self._said = ""
        self.refresh()

    def _on_ended(self, task: BackgroundTask) -> None:
        came, self._came = self._came, []
        project = QgsProject.instance()
        if task.cancelled:
            for wanted, _ in came:
                os.unlink(wanted.path)
            came = []
        said = str(task.error) if task.error is not None else ""
        infrared = self._infrared.layer()
        for wanted, origin in came:
            if project.mapLayer(wanted.id) is None:  # another project, or a layer that is no more wanted
                continue
            try:
                layer = add_fetched(project, wanted.path, origin, wanted.id)
            except ValueError as error:
                said = str(error)
                continue
            self.file.setFilePath("")
            if wanted.chooser is self._aerial:
                self._aerial.set_layer(layer)
            else:
                infrared = layer
        if came and infrared is not None:  # another image brings another infrared, or none
            self._infrared.set_layer(infrared)
        self._said = said or (self.tr("Cancelled: nothing was kept.") if task.cancelled else "")
        self.refresh()
        self.changed.emit()

    def _ask(self, question: str) -> bool:
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        return QMessageBox.question(self.window(), self.tr("Fetch this area"), question, yes | no, no) == yes


def _extent_of(area: Area) -> QgsRectangle:
    extent = QgsRectangle()
    extent.setMinimal()
    for geometry in area.geometries:
        extent.combineExtentWith(geometry.boundingBox())
    return extent


def _cost_text(plan: FetchPlan) -> str:
    """``2,000 × 1,500 pixels, 6 pictures of the server, at most 9 MB; in EPSG:2154, pixels of 0.2 m``."""
    local = QLocale()
    pictures = _tr("one picture") if plan.requests == 1 else _tr("{} pictures").format(local.toString(plan.requests))
    size = _tr("{} × {} pixels, {} of the server, at most {} MB").format(
        local.toString(plan.grid.width),
        local.toString(plan.grid.height),
        pictures,
        local.toString(plan.megabytes, "f", 0 if plan.megabytes >= 10 else 1),
    )
    return "; ".join((size, *plan.remarks))


def _tr(text: str) -> str:
    return QCoreApplication.translate("FetchRow", text)
