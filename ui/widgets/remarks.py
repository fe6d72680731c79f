"""What the engine remarks: doubts in full, each with its stretch of picture; what it only tells unfolds."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QSize, Qt
from qgis.PyQt.QtGui import QPixmap
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ...contract.notices import Notice, evidence_text
from ...runtime.wording import worded
from .labels import SMALL, Sentence, Tone

_PICTURE_LINES = 3.5  # of text: how high a picture is
_LARGE = 256  # pixels a side of the picture in the tooltip


class Remark(QWidget):
    """One notice: a mark, its sentence, and a stretch of the picture in which it is seen, if there is one.

    The tooltip shows the picture larger, and what was measured.
    """

    def __init__(self, told: Notice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        mark, sentence = QLabel(self), Sentence(self)
        mark.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        if told.doubt:
            side = self.fontMetrics().height()
            mark.setPixmap(QgsApplication.getThemeIcon("/mIconWarning.svg").pixmap(QSize(side, side)))
            mark.setAccessibleName(self.tr("Doubt"))
        else:
            mark.setText("•")
        sentence.say_in(Tone.DOUBT if told.doubt else Tone.NOTE, worded(told))
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(sentence, 1, Qt.AlignmentFlag.AlignTop)
        if told.picture:
            row.addWidget(self._picture(told.picture), 0, Qt.AlignmentFlag.AlignTop)
        evidence = evidence_text(told)
        if evidence:
            sentence.setToolTip(evidence)

    def _picture(self, png: str) -> QLabel:
        whole, label = QPixmap(), QLabel(self)
        whole.loadFromData(base64.b64decode(png))
        ratio = self.devicePixelRatioF()
        side = round(_PICTURE_LINES * self.fontMetrics().height() * ratio)
        keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        small = whole.scaled(side, side, keep, smooth)
        small.setDevicePixelRatio(ratio)
        label.setPixmap(small)
        label.setAccessibleName(self.tr("Where it is seen"))
        label.setToolTip(f'<img src="data:image/png;base64,{png}" width="{_LARGE}">')
        return label


class Remarks(QWidget):
    """Hidden while there is nothing to remark."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._button = QToolButton(self)
        self._button.setCheckable(True)
        self._button.setAutoRaise(True)
        self._button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        font = self._button.font()
        font.setPointSizeF(SMALL * font.pointSizeF())
        self._button.setFont(font)
        self._button.setStyleSheet("QToolButton { border: none; padding: 0px; }")  # in line with the text above it
        self._doubts, self._told = _Stack(self), _Stack(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (self._doubts, self._button, self._told):
            layout.addWidget(widget)
        self._remarks: list[Notice] = []
        self._button.toggled.connect(lambda _: self._show())
        self._show()

    def set_remarks(self, remarks: Sequence[Notice]) -> None:
        """Shows these instead of those before."""
        if list(remarks) != self._remarks:
            self._remarks = list(remarks)
            self._show()

    def remarks(self) -> list[Notice]:
        """What is shown, or unfolds."""
        return self._remarks

    def _show(self) -> None:
        told = [remark for remark in self._remarks if not remark.doubt]
        self._doubts.show_remarks([remark for remark in self._remarks if remark.doubt])
        self._button.setVisible(bool(told))
        count = len(told)
        self._button.setText(self.tr("one remark") if count == 1 else self.tr("{} remarks").format(count))
        unfolded = self._button.isChecked()
        self._button.setArrowType(Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow)
        self._told.show_remarks(told if unfolded else [])
        self.setVisible(bool(self._remarks))


class _Stack(QWidget):
    """Remarks, one below the other."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(3)
        self._shown: list[Notice] = []

    def show_remarks(self, remarks: list[Notice]) -> None:
        if remarks != self._shown:
            self._shown = remarks
            while self._column.count():
                widget = self._column.takeAt(0).widget()
                widget.hide()
                widget.deleteLater()
            for remark in remarks:
                self._column.addWidget(Remark(remark, self))
        self.setVisible(bool(remarks))
