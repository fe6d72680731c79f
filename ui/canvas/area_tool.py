"""What the two tools that draw an area share: sketch, keys, and leaving without a trace."""

from __future__ import annotations

from qgis.gui import QgsMapCanvas, QgsMapTool
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QCursor

from ..widgets.ends import when_destroyed
from .sketch import Sketch


class AreaTool(QgsMapTool):
    """A map tool that ends with a polygon in the canvas's CRS (`drawn`) or with `cancelled`.

    The tool stays active after both: whoever set it decides whether another area may follow.
    """

    drawn = pyqtSignal(object)
    cancelled = pyqtSignal()

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._listening = False
        self._sketch = sketch = Sketch(canvas)
        when_destroyed(self, sketch.clear)
        self.setCursor(QCursor(Qt.CursorShape.CrossCursor))

    # What the two tools differ in.

    def is_drawing(self) -> bool:
        """True from the first corner on."""
        raise NotImplementedError

    def forget(self) -> None:
        """Drops the corners."""
        raise NotImplementedError

    def undo(self) -> None:
        """Drops the last corner, where the tool has such a thing."""

    # What they share.

    def cancel(self) -> None:
        """Drops what is drawn and says so."""
        self._start_over()
        self.cancelled.emit()

    def activate(self) -> None:
        super().activate()
        if not self._listening:
            self._listening = True
            self._canvas.installEventFilter(self)
            self._canvas.destinationCrsChanged.connect(self._start_over)
        self._canvas.setFocus(Qt.FocusReason.OtherFocusReason)  # Escape works before the first click, too

    def deactivate(self) -> None:
        self._start_over()
        if self._listening:
            self._listening = False
            if not sip.isdeleted(self._canvas):
                self._canvas.removeEventFilter(self)
                self._canvas.destinationCrsChanged.disconnect(self._start_over)
        super().deactivate()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Takes Escape, Backspace and Delete.

        Not `keyPressEvent`: the canvas keeps keys to itself while a mouse button is down, and
        QGIS's own shortcuts (Delete) come before it unless the override is accepted.
        """
        kind = event.type()
        if kind not in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            return False
        act = {
            Qt.Key.Key_Escape: self.cancel,
            Qt.Key.Key_Backspace: self.undo,
            Qt.Key.Key_Delete: self.undo,
        }.get(event.key())
        if act is None or not (self.is_drawing() or event.key() == Qt.Key.Key_Escape):
            return False
        event.accept()
        if kind == QEvent.Type.KeyPress:
            act()
        return True

    def _start_over(self) -> None:
        self.forget()
        self._sketch.clear()
