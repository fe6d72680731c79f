"""Where heights above ground come from: a band of the image, a raster, two rasters, or nowhere."""

from __future__ import annotations

from enum import Enum

from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QFormLayout, QVBoxLayout, QWidget

from ..widgets.boxes import narrow
from ..widgets.raster_chooser import RasterChooser


class HeightSource(Enum):
    """Where heights above ground come from."""

    BAND = "band"
    RASTER = "raster"
    DIFFERENCE = "difference"
    NONE = "none"


class HeightsField(QWidget):
    """The choice of the source, and the rasters that it needs."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sources = QComboBox(self)
        self._sources.setAccessibleName(self.tr("Height above ground"))
        narrow(self._sources)
        for source, text in (
            (HeightSource.BAND, self.tr("a band of the image")),
            (HeightSource.RASTER, self.tr("a raster of heights above ground")),
            (HeightSource.DIFFERENCE, self.tr("surface model minus terrain model")),
            (HeightSource.NONE, self.tr("none")),
        ):
            self._sources.addItem(text, source)
        self._heights = RasterChooser(self.tr("Heights above ground"), optional=True, nothing=self.tr("choose…"))
        self._surface = RasterChooser(self.tr("Surface model"), optional=True, nothing=self.tr("choose…"))
        self._terrain = RasterChooser(self.tr("Terrain model"), optional=True, nothing=self.tr("choose…"))
        self._pair = QWidget(self)
        pair = QFormLayout(self._pair)
        pair.setContentsMargins(0, 0, 0, 0)
        pair.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        pair.addRow(self.tr("Surface"), self._surface)
        pair.addRow(self.tr("Terrain"), self._terrain)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self._sources, self._heights, self._pair):
            layout.addWidget(widget)
        self.setFocusProxy(self._sources)
        self._sources.currentIndexChanged.connect(lambda _: self._on_source())
        for chooser in (self._heights, self._surface, self._terrain):
            chooser.changed.connect(self.changed)
        self._show()

    def source(self) -> HeightSource:
        """The source chosen."""
        return self._sources.currentData()

    def set_source(self, source: HeightSource) -> None:
        """Chooses a source."""
        self._sources.setCurrentIndex(self._sources.findData(source))

    def set_paths(self, elevation: str, terrain: str) -> None:
        """Chooses the rasters of the present source."""
        chooser = self._heights if self.source() is HeightSource.RASTER else self._surface
        for each, path in ((chooser, elevation), (self._terrain, terrain)):
            if path:
                each.set_path(path)

    def paths(self) -> tuple[str | None, str | None]:
        """(elevation, terrain) as a job names them; None where not needed.

        Raises ValueError, with a sentence for the user, where a raster is not chosen or has no pixels.
        """
        if self.source() is HeightSource.RASTER:
            path = self._heights.path()
            if not path:
                raise ValueError(self.tr("Choose the raster of heights, or another source of heights."))
            return path, None
        if self.source() is HeightSource.DIFFERENCE:
            surface, terrain = self._surface.path(), self._terrain.path()
            if not (surface and terrain):
                raise ValueError(self.tr("Choose the surface and the terrain model, or another source of heights."))
            return surface, terrain
        return None, None

    def _on_source(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self._heights.setVisible(self.source() is HeightSource.RASTER)
        self._pair.setVisible(self.source() is HeightSource.DIFFERENCE)
