"""The third page: what was gained and lost, and the choice to keep the new model or not."""

from __future__ import annotations

from qgis.PyQt.QtCore import Qt, QUrl, pyqtSignal
from qgis.PyQt.QtGui import QDesktopServices
from qgis.PyQt.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from ...contract.finetuning import HOLDOUT_POLYGONS, FinetuneResult, Scores
from ..widgets.amounts import duration_text
from ..widgets.labels import Sentence
from ..widgets.remarks import Remarks
from .finetune_text import change_text, polygons_text, score_text, share_text
from .request import FinetuneRequest
from .score_table import ScoreTable, score_rows


class EvaluationPage(QWidget):
    """Shows a FinetuneResult. The signals are the analyst's wishes; keep_asked: title of the model."""

    preview_asked = pyqtSignal()
    keep_asked = pyqtSignal(str)
    discard_asked = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report = ""
        self.headline = QLabel(self)
        font = self.headline.font()
        font.setBold(True)
        self.headline.setFont(font)
        self.measured = Sentence(self)
        self.table = ScoreTable(self)
        self.elsewhere = QLabel(self)
        for label in (self.headline, self.elsewhere):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.remarks = Remarks(self)
        self.name = QLineEdit(self)
        self.name.setToolTip(self.tr("What the model is called in the list of models"))
        self.state = Sentence(self)
        self.preview_button = QPushButton(self.tr("Preview on the canvas"), self)
        self.preview_button.setToolTip(
            self.tr("Maps what the canvas shows now with the new model, as a temporary layer; nothing is decided yet.")
        )
        self.report_button = QPushButton(self.tr("Report"), self)
        self.report_button.setToolTip(self.tr("Opens the page with all scores and settings in the browser"))
        self.keep_button = QPushButton(self.tr("Keep"), self)
        self.keep_button.setToolTip(self.tr("Puts the model into the list of models, and chooses it there"))
        self.discard_button = QPushButton(self.tr("Throw away"), self)
        self.discard_button.setToolTip(self.tr("Removes the new model; the base model stays as it was"))
        for button in (self.preview_button, self.report_button, self.keep_button, self.discard_button):
            button.setAutoDefault(False)
        self.preview_button.clicked.connect(lambda _: self.preview_asked.emit())
        self.report_button.clicked.connect(self._open_report)
        self.keep_button.clicked.connect(lambda _: self.keep_asked.emit(self.title()))
        self.discard_button.clicked.connect(lambda _: self.discard_asked.emit())
        self._lay_out()

    def title(self) -> str:
        """The model's title as the analyst wants it; empty: as it is."""
        return " ".join(self.name.text().split())

    def show_result(self, result: FinetuneResult, request: FinetuneRequest) -> None:
        """Shows what a fine-tuning left."""
        before, after = result.before, result.after
        self._report = result.report
        self.report_button.setEnabled(bool(self._report))
        self.headline.setText(self._headline(before, after))
        self.measured.say(self._measured(result))
        self.table.set_rows(score_rows(result))
        self.elsewhere.setText(
            self.tr("{} of the image gets another label. Outside the polygons, {} keeps the label of {}.").format(
                share_text(result.changed), share_text(result.agreement), request.base_title
            )
        )
        self.remarks.set_remarks(result.warnings)
        self.name.setText(result.card.title)
        self.say("")
        self.set_decidable(True)

    def say(self, sentence: str, wrong: bool = False) -> None:
        """What goes on with the preview or the decision."""
        self.state.say(sentence, wrong)

    def set_decidable(self, decidable: bool) -> None:
        """Whether the buttons do anything now."""
        for widget in (self.preview_button, self.keep_button, self.discard_button, self.name):
            widget.setEnabled(decidable)

    def _headline(self, before: Scores, after: Scores) -> str:
        if before.mean_iou is None or after.mean_iou is None:
            return self.tr("Nothing could be measured: look at a preview before you decide.")
        change = change_text(before.mean_iou, after.mean_iou)
        scores = self.tr("Mean IoU {} → {} ({})").format(
            score_text(before.mean_iou), score_text(after.mean_iou), change
        )
        if before.accuracy is None or after.accuracy is None:
            return scores
        return self.tr("{}, accuracy {} → {}").format(scores, share_text(before.accuracy), share_text(after.accuracy))

    def _measured(self, result: FinetuneResult) -> str:
        learned, hold = result.trained_polygons, result.holdout_polygons
        took = self.tr("Trained for {} on {}, {} epochs, the best was number {}.").format(
            duration_text(result.seconds), polygons_text(learned), result.epochs, result.best_epoch
        )
        if result.after.where == HOLDOUT_POLYGONS:
            where = self.tr("Measured on {} that it never learned from.").format(polygons_text(hold))
        else:
            where = self.tr("Measured on the polygons that it learned from: expect less in other places.")
        before, after = result.before.mean_iou, result.after.mean_iou
        worse = before is not None and after is not None and after <= before
        advice = self.tr("It is no better there: draw more polygons where the map is wrong, or throw it away.")
        return " ".join((where, took, advice) if worse else (where, took))

    def _open_report(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self._report))

    def _lay_out(self) -> None:
        tools, decision = QHBoxLayout(), QHBoxLayout()
        tools.addWidget(self.preview_button)
        tools.addWidget(self.report_button)
        tools.addStretch(1)
        decision.addWidget(self.discard_button)
        decision.addStretch(1)
        decision.addWidget(self.keep_button)
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow(self.tr("Name"), self.name)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.headline)
        column.addWidget(self.measured)
        column.addWidget(self.table, 1)
        column.addWidget(self.elsewhere)
        column.addWidget(self.remarks)
        column.addLayout(tools)
        column.addWidget(self.state)
        column.addLayout(rows)
        column.addLayout(decision)
