"""The provider `flair` in QGIS's Processing toolbox."""

from __future__ import annotations

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .algorithm import ICON_PATH
from .engine import EngineAlgorithm
from .fetcharea import FetchAreaAlgorithm
from .finetune import FinetuneAlgorithm
from .segment import SegmentAlgorithm


class FlairProvider(QgsProcessingProvider):
    """Lists the plugin's algorithms."""

    def loadAlgorithms(self) -> None:
        for algorithm in (SegmentAlgorithm(), FinetuneAlgorithm(), FetchAreaAlgorithm(), EngineAlgorithm()):
            self.addAlgorithm(algorithm)

    def id(self) -> str:
        return "flair"

    def name(self) -> str:
        return "FLAIR Land Cover"

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        """What the engine writes; temporary files follow it whatever QGIS's own default is."""
        return ["tif", "tiff"]

    def icon(self) -> QIcon:
        return QIcon(ICON_PATH)
