"""Where the map goes: a temporary layer or a file, with or without its confidence."""

from __future__ import annotations

import os
from dataclasses import dataclass

from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from ...layers.results import temporary_path


@dataclass(frozen=True)
class Destination:
    """Paths of a run's outputs; None where not wanted."""

    output: str
    confidence: str | None
    probabilities: str | None

    def paths(self) -> list[str]:
        """All that will be written."""
        return [path for path in (self.output, self.confidence, self.probabilities) if path]


def beside(output: str, what: str) -> str:
    """The name of a raster that goes with the map: ``map_confidence.tif`` beside ``map.tif``."""
    stem, ending = os.path.splitext(output)
    return f"{stem}_{what}{ending}"


class DestinationField(QWidget):
    """A file name, empty for a temporary layer; and whether confidence is wanted."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._file = QgsFileWidget(self)
        self._file.setStorageMode(QgsFileWidget.StorageMode.SaveFile)
        self._file.setFilter("GeoTIFF (*.tif *.tiff)")
        self._file.setDialogTitle(self.tr("Land-cover map"))
        self._file.lineEdit().setPlaceholderText(self.tr("temporary layer"))
        self._file.lineEdit().setAccessibleName(self.tr("File of the land-cover map; empty for a temporary layer"))
        self._confidence = QCheckBox(self.tr("with confidence"), self)
        self._confidence.setToolTip(self.tr("A second raster: how likely the class of each pixel is, in percent"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._file)
        layout.addWidget(self._confidence)
        self.setFocusProxy(self._file.lineEdit())
        self._temporary = temporary_path()
        self._file.fileChanged.connect(lambda _: self.changed.emit())
        self._confidence.toggled.connect(lambda _: self.changed.emit())

    def destination(self, probabilities: bool) -> Destination:
        """Where the next run writes."""
        chosen = self._file.filePath().strip()
        output = os.path.abspath(os.path.expanduser(chosen)) if chosen else self._temporary
        if chosen and not output.lower().endswith((".tif", ".tiff")):
            output += ".tif"
        return Destination(
            output,
            beside(output, "confidence") if self._confidence.isChecked() else None,
            beside(output, "probabilities") if probabilities else None,
        )

    def set_file(self, path: str) -> None:
        """Names the file; "": a temporary layer."""
        self._file.setFilePath(path)

    def next(self) -> None:
        """A run took the destination: the next one gets another."""
        self._temporary = temporary_path()
        folder = os.path.dirname(self._file.filePath().strip())
        if folder:
            self._file.setDefaultRoot(folder)
        self._file.setFilePath("")

    def confidence(self) -> bool:
        """Whether a confidence layer is wanted."""
        return self._confidence.isChecked()

    def set_confidence(self, wanted: bool) -> None:
        """Chooses whether a confidence layer is wanted."""
        self._confidence.setChecked(wanted)
