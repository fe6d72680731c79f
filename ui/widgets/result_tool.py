"""What lies below the panel of a result and works on the map that the panel shows."""

from __future__ import annotations

from qgis.core import QgsMapLayer, QgsRasterLayer
from qgis.PyQt.QtWidgets import QWidget

from ...contract.nomenclature import LandCoverClass


class ResultTool(QWidget):
    """Is told which map is shown; this one does nothing with it."""

    def set_result(
        self,
        layer: QgsRasterLayer | None,
        confidence: QgsRasterLayer | None = None,
        aerial: QgsMapLayer | None = None,
        legend: tuple[LandCoverClass, ...] = (),
    ) -> None:
        """The map that is shown, its confidence and its image (None where they are gone), and its classes."""

    def forget(self, ids: list[str]) -> None:
        """Layers are about to be deleted: nothing of them may be held any longer."""

    def stop(self) -> None:
        """The panel rests: nothing goes on on the canvas."""
