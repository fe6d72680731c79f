"""The colour infrared image that goes with the image, chosen by itself where its name says so."""

from __future__ import annotations

import os
from collections.abc import Sequence

from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtWidgets import QWidget

from ...layers.partners import infrared_of
from ...layers.tiles import image_paths
from ..widgets.raster_chooser import RasterChooser


def _tr(text: str) -> str:
    return QCoreApplication.translate("InfraredField", text)


class InfraredField(RasterChooser):
    """A raster, or none. What belongs to the image is chosen until the analyst chooses otherwise."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_tr("Infrared image"), optional=True, nothing=_tr("none"), parent=parent)
        self._image: tuple[str, ...] = ()
        self._found = ""  # what belongs to the image
        self._choosing = False
        self._by_hand = False
        self.changed.connect(self._on_changed)

    def path(self) -> str:
        """What the engine opens, "" where nothing is chosen.

        Raises ValueError, with a sentence for the user, where the layer cannot be used.
        """
        layer = self.layer()
        if layer is None:
            return super().path()
        paths = image_paths(layer)
        if len(paths) > 1:
            raise ValueError(
                _tr("The layer {} is of several files: make it of a folder of tiles to use it here.").format(
                    layer.name()
                )
            )
        return paths[0]

    def set_image(self, image: Sequence[str], wanted: bool, left_out: str = "") -> None:
        """Chooses what belongs to another image, or none.

        wanted: whether the image may need it. left_out: what belongs to it and was not wanted the last time.
        """
        self._image, self._by_hand = tuple(image), False
        self._found = infrared_of(image) if image and wanted else ""
        self._by_hand = bool(self._found) and self._found == left_out
        self._choose("" if self._by_hand else self._found)

    def choose(self, path: str) -> None:
        """Chooses what the analyst chose before."""
        self._choose(path)
        self._by_hand = True

    def look_again(self, wanted: bool) -> None:
        """The project has other layers: what belongs to the image may be among them now."""
        if self._image and wanted and not self._by_hand and not self._chosen():
            self.set_image(self._image, wanted)

    def chosen_by_itself(self) -> bool:
        """Whether what is chosen was found by its name."""
        return not self._by_hand and bool(self._chosen())

    def left_out(self) -> str:
        """What belongs to the image and is not wanted; "" where there is none such."""
        return self._found if self._by_hand and not self._chosen() else ""

    def _chosen(self) -> str:
        try:
            return self.path()
        except ValueError:  # a layer all the same
            return "?"

    def _choose(self, path: str) -> None:
        self._choosing = True
        try:
            if not path:
                self.set_layer(None)
            elif os.path.exists(path):
                self.set_path(path)
        finally:
            self._choosing = False

    def _on_changed(self) -> None:
        if not self._choosing:
            self._by_hand = True
