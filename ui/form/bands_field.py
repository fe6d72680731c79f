"""Which band plays which role, each beside a small stretch of its picture so that a wrong guess is seen."""

from __future__ import annotations

import base64

from qgis.PyQt.QtCore import QCoreApplication, QEvent, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QPixmap
from qgis.PyQt.QtWidgets import QComboBox, QGridLayout, QLabel, QSizePolicy, QWidget

from ...contract.answers import AerialDescription
from ...contract.cards import ROLES
from ..widgets.boxes import narrow

_COLOURS = ("red", "green", "blue")
# How a job writes them; see SegmentationJob.bands.
_WORDS = {"red": "R", "green": "G", "blue": "B", "nir": "NIR", "elevation": "ELEVATION"}
_NONE = "–"
_NOTHING_KNOWN = AerialDescription(0, (), {}, 0.0, 0, 0, {}, [])


def role_name(role: str) -> str:
    """A role as the analyst reads it, short enough for five beside each other in 300 pixels."""
    names = {
        "red": QCoreApplication.translate("BandRoles", "Red"),
        "green": QCoreApplication.translate("BandRoles", "Green"),
        "blue": QCoreApplication.translate("BandRoles", "Blue"),
        "nir": QCoreApplication.translate("BandRoles", "NIR"),
        "elevation": QCoreApplication.translate("BandRoles", "Height"),
    }
    return names[role]


class _Picture(QLabel):
    """A band's picture, as wide as its column, in the proportions that the engine gave it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._whole = QPixmap()
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._set_height()

    def show_picture(self, png: bytes | None) -> None:
        self._whole = QPixmap()
        if png:
            self._whole.loadFromData(png)
        self._fit()

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._set_height()

    def _set_height(self) -> None:
        """Two lines of text, never the picture's own height: that would grow with the room it is given."""
        self.setFixedHeight(2 * self.fontMetrics().height())

    def _fit(self) -> None:
        if self._whole.isNull():
            self.setText(_NONE)
            return
        ratio = self.devicePixelRatioF()
        room = QSize(self.width(), self.height()) * ratio
        picture = self._whole.scaled(
            room, Qt.AspectRatioMode.KeepAspectRatioByExpanding, Qt.TransformationMode.SmoothTransformation
        )
        across, down = (picture.width() - room.width()) // 2, (picture.height() - room.height()) // 2
        picture = picture.copy(max(0, across), max(0, down), room.width(), room.height())
        picture.setDevicePixelRatio(ratio)
        self.setPixmap(picture)


class BandsField(QWidget):
    """One column for each role: its name, its band's picture, the number of its band."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pictures: dict[int, bytes] = {}
        self._boxes: dict[str, QComboBox] = {}
        self._labels: dict[str, _Picture] = {}
        self._columns: dict[str, list[QWidget]] = {}
        self._known: dict[str, int] = {}  # as the engine has them by the text given, or by its own guess
        self._given = ""
        self._heights_elsewhere = False
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(4)
        layout.setVerticalSpacing(2)
        for column, role in enumerate(ROLES):
            name = QLabel(role_name(role), self)
            name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            picture = _Picture(self)
            box = QComboBox(self)
            box.setAccessibleName(self.tr("Band for {}").format(role_name(role)))
            narrow(box, 1)
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            name.setBuddy(box)
            for row, widget in enumerate((name, picture, box)):
                layout.addWidget(widget, row, column)
            layout.setColumnStretch(column, 1)
            self._boxes[role], self._labels[role] = box, picture
            self._columns[role] = [name, picture, box]
            box.currentIndexChanged.connect(lambda _: self._on_chosen())
        self.set_known(None)

    def set_known(self, answer: AerialDescription | None, given: str = "") -> None:
        """Shows what the image holds; None: nothing is known (yet). given: the text by which it was looked at."""
        answer = answer or _NOTHING_KNOWN
        self._known, self._given = dict(answer.bands), given
        self._pictures = {number: base64.b64decode(png) for number, png in answer.pictures.items()}
        for role, box in self._boxes.items():
            box.blockSignals(True)
            box.clear()
            box.addItem(_NONE, 0)
            for number in range(1, answer.count + 1):
                box.addItem(str(number), number)
                description = answer.descriptions[number - 1]
                if description:
                    box.setItemData(box.count() - 1, description, Qt.ItemDataRole.ToolTipRole)
            box.setCurrentIndex(max(0, box.findData(answer.bands.get(role, 0))))
            box.setEnabled(bool(answer.count))
            box.blockSignals(False)
        self._show_pictures()

    def set_pictures(self, pictures: dict[int, str]) -> None:
        """Shows other stretches of the same bands: of another place."""
        self._pictures = {number: base64.b64decode(png) for number, png in pictures.items()}
        self._show_pictures()

    def set_height_wanted(self, wanted: bool, elsewhere: bool = False) -> None:
        """Whether heights come from a band of this image; its column is hidden where they do not.

        elsewhere: they come from a raster of their own, which goes before any band.
        """
        self._heights_elsewhere = elsewhere
        for widget in self._columns["elevation"]:
            widget.setVisible(wanted)

    def bands(self) -> dict[str, int]:
        """Band numbers by role, without roles that no band plays."""
        chosen = {role: box.currentData() for role, box in self._boxes.items()}
        if self._boxes["elevation"].isHidden():
            del chosen["elevation"]
        return {role: number for role, number in chosen.items() if number}

    def text(self) -> str:
        """As a job may hold them: ``R=1 G=2 B=3 NIR=4``; "" while nothing is known."""
        return " ".join(f"{_WORDS[role]}={number}" for role, number in self.bands().items())

    def asked(self) -> str:
        """What a job says of the bands: "" while the engine's guess stands, which it then tells its doubts of."""
        left = dict(self._known)
        if self._heights_elsewhere:
            left.pop("elevation", None)
        return "" if not self._given and self.bands() == left else self.text()

    def complaint(self) -> str:
        """What is wrong with the choice, in one sentence, or ""."""
        chosen = self.bands()
        if len({chosen.get(role) for role in _COLOURS}) == 1:  # a grey image
            chosen = {role: number for role, number in chosen.items() if role not in _COLOURS[1:]}
        seen: dict[int, str] = {}
        for role, number in chosen.items():
            if number in seen:
                return self.tr("Band {} is chosen as {} and as {}: choose another band for one of them.").format(
                    number, seen[number].lower(), role_name(role).lower()
                )
            seen[number] = role_name(role)
        return ""

    def _on_chosen(self) -> None:
        self._show_pictures()
        self.changed.emit()

    def _show_pictures(self) -> None:
        for role, box in self._boxes.items():
            picture = self._pictures.get(box.currentData() or 0)
            self._labels[role].show_picture(picture)
            description = box.itemData(box.currentIndex(), Qt.ItemDataRole.ToolTipRole)
            self._labels[role].setToolTip(description or "")
