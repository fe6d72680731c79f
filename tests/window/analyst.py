"""What an analyst does with the dock, and what they see of it; for the scripts that run in a real QGIS window."""

from __future__ import annotations

from qgis.core import QgsProject
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QLabel, QToolButton, QTreeView

from flair_landcover.tests.window.driver import at, canvas, dock, drawn, iface

project = QgsProject.instance()
LEFT = Qt.MouseButton.LeftButton


def press(button) -> None:
    """A click on a button, as the mouse does it."""
    QTest.mouseClick(button, LEFT)


def texts(widget) -> str:
    """All that the visible labels of a widget say."""
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible() and label.text())


def ready() -> bool:
    return dock().form.run_button.isEnabled()


def refused() -> bool:
    return not ready() and "Checking" not in texts(dock().form) and "Starting" not in texts(dock().form)


def idle() -> bool:
    return not dock().queue.runs and drawn()


def tiles_came(count: int = 1):
    """Waits until the running map has that many finished pieces."""
    return lambda: dock().queue.runs and dock().queue.runs[0].tiles_done >= count


def message() -> str:
    """What QGIS's message bar says, the latest first."""
    return "\n".join(f"{item.text()} {texts(item)}".strip() for item in iface.messageBar().items())


def results() -> list:
    """The land-cover layers of the project, as the layer tree has them from top to bottom."""
    return [
        tree.layer() for tree in project.layerTreeRoot().findLayers() if tree.layer() and "Land cover" in tree.name()
    ]


def describe(layer) -> dict:
    """What an analyst sees of a result in QGIS."""
    tree = project.layerTreeRoot().findLayer(layer.id())
    group = tree.parent()
    return {
        "group": group.name(),
        "above": [node.name() for node in group.parent().children()],
        "legend": [[int(c.value), c.label, c.color.name()] for c in layer.renderer().classes()],
        "crs": layer.crs().authid(),
        "size": [layer.width(), layer.height()],
        "file": layer.source(),
    }


def labels(layer) -> bytes:
    """The values of a result, row by row: while QGIS runs, for it removes temporary files when it ends."""
    provider = layer.dataProvider()
    block = provider.block(1, provider.extent(), layer.width(), layer.height())
    return bytes(block.data())  # which lie in the block: it must live until they are copied


def rows() -> list[list[str]]:
    """The table of classes in the dock, as it is shown."""
    model = dock().results.findChild(QTreeView).model()
    return [
        [str(model.index(row, column).data() or "") for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


def swipe_button() -> QToolButton:
    return next(b for b in dock().results.findChildren(QToolButton) if b.text() == "Swipe")


def live_items() -> int:
    """Canvas items that paint finished pieces."""
    return sum(type(item).__name__ == "LiveTiles" for item in canvas.scene().items())


def part(layer, left: float, top: float, right: float = 0, bottom: float = 0) -> tuple:
    """Two corners on the canvas of a part of a layer, in shares of its sides from its upper left."""
    extent = canvas.mapSettings().layerExtentToOutputExtent(layer, layer.extent())

    def place(across: float, down: float):
        return at(extent.xMinimum() + across * extent.width(), extent.yMaximum() - down * extent.height())

    return place(left, top), place(right, bottom)
