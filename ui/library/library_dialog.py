"""The window of the model library: what there is, what is known of it, and what can be done with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from ...contract.answers import CHECKPOINT, FOLDER, PACKAGE, Recognised
from ...contract.cards import BadModel, ModelCard
from ...models.library import delete_model, rename_model, set_default_model, size_of
from ...models.published import PUBLISHED, PublishedModel
from ...runtime.client import EngineClient
from ..tasks.background_task import BackgroundTask
from ..tasks.task_row import TaskRow
from ..widgets.labels import Sentence
from ..widgets.windows import ask_first, fit
from .card_view import CardView, model_html, published_html, size_text
from .library_tasks import MakeClient, exporting, fetching, importing, recognising
from .shelf import AtHand, Broken, Entry, Shelf, ToFetch

_COLUMNS, _LINES = 110, 36  # of text, that fit into the window's usual size
_SHELF_SHARE, _CARD_SHARE = 4, 5


class ImportQuestion(QFrame):
    """Hidden while there is nothing to ask. accepted: the `Recognised` and the title. refused: it is not imported."""

    accepted = pyqtSignal(object, str)
    refused = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: Recognised | None = None
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.question = QLabel(self)
        self.question.setWordWrap(True)
        self.question.setTextFormat(Qt.TextFormat.PlainText)
        self.title = QLineEdit(self)
        self.title.setAccessibleName(self.tr("Title in the library"))
        self.import_button = QPushButton(self.tr("Import it"), self)
        self.back_button = QPushButton(self.tr("Back"), self)
        row = QHBoxLayout()
        row.addWidget(self.title, 1)
        for button in (self.import_button, self.back_button):
            button.setAutoDefault(False)
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.addWidget(self.question)
        column.addLayout(row)
        self.hide()
        self.title.textChanged.connect(lambda text: self.import_button.setEnabled(bool(text.strip())))
        self.title.returnPressed.connect(self.import_button.click)
        self.import_button.clicked.connect(lambda _: self.accepted.emit(self._found, self.title.text().strip()))
        self.back_button.clicked.connect(lambda _: self.refused.emit())

    def show_found(self, found: Recognised) -> None:
        """Asks about it; its card is shown below."""
        self._found = found
        kinds = {
            PACKAGE: self.tr("an exported model"),
            FOLDER: self.tr("a model folder"),
            CHECKPOINT: self.tr("a checkpoint"),
        }
        self.question.setText(
            self.tr("{} is {} of {} in the library. Import what is shown below, under this title?").format(
                os.path.basename(os.path.normpath(found.path)),
                kinds.get(found.kind, found.kind),
                size_text(found.size_bytes),
            )
        )
        self.title.setText(found.card.title)
        self.title.setCursorPosition(0)
        self.show()


class LibraryDialog(QDialog):
    """Stays when it is closed, and what goes on goes on, as QGIS's list of tasks shows; `shut` ends that.

    in_use: gives the models that runs name which wait or go on. make_client: makes a connection to the engine, closed
    after each task. published: what can be fetched. changed: the models at hand or the default one are others now.
    """

    changed = pyqtSignal()

    def __init__(
        self,
        in_use: Callable[[], set[str]] = set,
        make_client: MakeClient = EngineClient,
        published: Sequence[PublishedModel] = PUBLISHED,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("flairLandCoverLibrary")
        self.setWindowTitle(self.tr("FLAIR Land Cover: models"))
        self.setSizeGripEnabled(True)
        self._in_use = in_use
        self._make_client = make_client

        self.shelf = Shelf(published, self)
        self.view = CardView(self)
        self.preview = ImportQuestion(self)
        self.outcome = Sentence(self)
        self.row = TaskRow(self)
        self.default_button = QPushButton(self.tr("Make default"), self)
        self.rename_button = QPushButton(self.tr("Rename…"), self)
        self.export_button = QPushButton(self.tr("Export…"), self)
        self.delete_button = QPushButton(self.tr("Delete…"), self)
        self.fetch_button = QPushButton(self.tr("Fetch"), self)
        self.import_button = QPushButton(self.tr("Import"), self)
        self._lay_out()
        self._connect()
        self.reload()

    def reload(self) -> None:
        """Reads the library anew. What was said, and what is asked, stays."""
        self.shelf.fill()
        if self.preview.isHidden():
            self._show_card(self.shelf.current())
        self._show_buttons()

    def working(self) -> bool:
        """Whether something goes on that uses the engine or writes a file."""
        return self.row.working()

    def shut(self) -> None:
        """Stops what goes on, without a question and without waiting."""
        self.row.shut()

    # What can be done

    def make_default(self) -> None:
        """Makes the model that is chosen the one that is taken where none is named."""
        entry = self.shelf.current()
        if isinstance(entry, AtHand) and self._done(lambda: set_default_model(entry.id)):
            self._say(self.tr("{} is the default model now.").format(entry.card.title))

    def rename(self, entry: AtHand, title: str) -> None:
        """Gives a model another title."""
        if self._done(lambda: rename_model(entry.id, title)):
            self._say(self.tr("{} has a new title.").format(entry.id))

    def delete(self) -> None:
        """Asks, then removes the model that is chosen."""
        entry = self.shelf.current()
        if isinstance(entry, Broken):
            self._ask_to_delete(entry.folder, entry.folder.name, lambda: self._delete_broken(entry))
            return
        if not isinstance(entry, AtHand) or entry.bundled:
            return
        if entry.id in self._in_use():
            sentence = self.tr("A run uses {}: wait until it has ended, or cancel it, then delete the model.")
            self._say(sentence.format(entry.card.title), wrong=True)
            return
        self._ask_to_delete(entry.folder, entry.card.title, lambda: self._delete(entry))

    def export_to(self, entry: AtHand, path: str) -> None:
        """Writes a model as a zip."""

        def ended(size: int) -> None:
            self._say(self.tr("{} is exported to {} ({}).").format(entry.card.title, path, size_text(size)))

        self._start(self.tr("Exporting {}").format(entry.card.title), exporting(entry.folder, path), ended, False)

    def import_from(self, path: str) -> None:
        """Has the engine look at a zip, folder or checkpoint, and shows what it recognised."""
        work = recognising(self._make_client, path)
        self._start(self.tr("Looking at {}").format(os.path.basename(path)), work, self._on_recognised)

    def fetch(self) -> None:
        """Takes the published model that is chosen into the library."""
        entry = self.shelf.current()
        if isinstance(entry, ToFetch):
            work = fetching(self._make_client, entry.model.hub_id)
            self._start(self.tr("Fetching {}").format(entry.model.name), work, self._on_taken)

    # What goes on

    def _start(
        self,
        title: str,
        work: Callable[[BackgroundTask], object],
        ended: Callable[[Any], None],
        can_cancel: bool = True,
    ) -> None:
        def tell(task: BackgroundTask) -> None:
            if task.error is not None:
                self._say(str(task.error), wrong=True)
            elif task.result is None:
                self._say(self.tr("Stopped: the library is as it was."))
            else:
                ended(task.result)

        if not self.row.working():
            self._drop_preview()
            self._say("")
            self.row.start(title, work, tell, can_cancel)

    def _on_taken(self, card: ModelCard) -> None:
        self.reload()
        self.shelf.choose(card.id)
        self._say(self.tr("{} is in the library.").format(card.title))
        self.changed.emit()

    # Importing

    def _on_recognised(self, found: Recognised) -> None:
        self.preview.show_found(found)
        self.view.show_html(lambda muted: model_html(found.card, found.size_bytes, muted))

    def _import(self, found: Recognised, title: str) -> None:
        work = importing(self._make_client, found.path, title)
        self._start(self.tr("Importing {}").format(title or found.card.title), work, self._on_taken, False)

    def _drop_preview(self) -> None:
        if not self.preview.isHidden():
            self.preview.hide()
            self._show_card(self.shelf.current())

    # Asking

    def _ask_to_delete(self, folder: Path, title: str, delete: Callable[[], None]) -> None:
        size = size_text(size_of(folder))
        ask_first(
            self,
            self.tr("Delete {}?").format(title),
            self.tr("{} go with it and cannot be brought back. Maps that it made stay.").format(size),
            self.tr("Delete"),
            delete,
        )

    def _delete(self, entry: AtHand) -> None:
        if self._done(lambda: delete_model(entry.id)):
            text = self.tr("{} is deleted.").format(entry.card.title)
            if entry.default:
                text += " " + self.tr("The bundled model is the default one now.")
            self._say(text)

    def _delete_broken(self, entry: Broken) -> None:
        if self._done(lambda: delete_model(entry.folder.name)):
            self._say(self.tr("{} is deleted.").format(entry.folder.name))

    def _ask_title(self) -> None:
        entry = self.shelf.current()
        if not isinstance(entry, AtHand):
            return
        box = QInputDialog(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle(self.tr("Rename the model"))
        box.setLabelText(self.tr("Its new title; scripts go on naming it {}:").format(entry.id))
        box.setTextValue(entry.card.title)
        box.textValueSelected.connect(lambda title: self.rename(entry, title))
        box.open()

    def _ask_export(self) -> None:
        entry = self.shelf.current()
        if isinstance(entry, AtHand):
            chooser = QFileDialog(self, self.tr("Export the model"), os.path.expanduser("~"), self.tr("Zips (*.zip)"))
            chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            chooser.setDefaultSuffix("zip")  # before it asks whether to replace a file
            chooser.selectFile(f"{entry.id}.zip")
            if chooser.exec():
                self.export_to(entry, chooser.selectedFiles()[0])

    def _ask_file(self) -> None:
        kinds = self.tr("Models (*.zip *.json *.safetensors *.ckpt *.pth *.pt);;All files (*)")
        path, _ = QFileDialog.getOpenFileName(self, self.tr("Import a model"), "", kinds)
        if path:
            self.import_from(path)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self.tr("Import a model folder"))
        if path:
            self.import_from(path)

    # What is shown

    def _done(self, change: Callable[[], object]) -> bool:
        """Does what changes the library; what is wrong is said."""
        try:
            change()
        except BadModel as error:
            self.reload()  # somebody else may have changed it
            self._say(str(error), wrong=True)
            return False
        self.reload()
        self.changed.emit()
        return True

    def _say(self, text: str, wrong: bool = False) -> None:
        self.outcome.say(text, wrong)

    def _on_chosen(self, entry: Entry | None) -> None:
        self.preview.hide()
        self._say("")  # what was said was about another model
        self._show_card(entry)
        self._show_buttons()

    def _show_card(self, entry: Entry | None) -> None:
        if isinstance(entry, AtHand):
            facts = ((self.tr("Default"), self.tr("taken where no model is named")),) if entry.default else ()
            size = size_of(entry.folder)
            self.view.show_html(lambda muted: model_html(entry.card, size, muted, facts))
        elif isinstance(entry, ToFetch):
            self.view.show_html(lambda muted: published_html(entry.model, entry.in_library, muted))
        elif isinstance(entry, Broken):
            self.view.show_html(lambda _: f"<h3>{escape(entry.folder.name)}</h3><p>{escape(entry.reason)}</p>")
        else:
            self.view.show_html(lambda _: "")

    def _show_buttons(self) -> None:
        entry, working = self.shelf.current(), self.row.working()
        own = isinstance(entry, AtHand) and not entry.bundled
        self.default_button.setEnabled(isinstance(entry, AtHand) and not entry.default)
        self.rename_button.setEnabled(own)
        self.delete_button.setEnabled((own or isinstance(entry, Broken)) and not working)
        self.export_button.setEnabled(isinstance(entry, AtHand) and not working)
        self.fetch_button.setEnabled(isinstance(entry, ToFetch) and not entry.in_library and not working)
        self.import_button.setEnabled(not working)

    # Making the window

    def _connect(self) -> None:
        self.shelf.chosen.connect(self._on_chosen)
        self.preview.accepted.connect(self._import)
        self.preview.refused.connect(self._drop_preview)
        self.row.changed.connect(self._show_buttons)
        self.default_button.clicked.connect(lambda _: self.make_default())
        self.rename_button.clicked.connect(lambda _: self._ask_title())
        self.export_button.clicked.connect(lambda _: self._ask_export())
        self.delete_button.clicked.connect(lambda _: self.delete())
        self.fetch_button.clicked.connect(lambda _: self.fetch())
        menu = QMenu(self.import_button)
        menu.addAction(self.tr("Zip or checkpoint…")).triggered.connect(lambda *_: self._ask_file())
        menu.addAction(self.tr("Model folder…")).triggered.connect(lambda *_: self._ask_folder())
        self.import_button.setMenu(menu)

    def _lay_out(self) -> None:
        splitter = QSplitter(Qt.Orientation.Horizontal, self)
        splitter.setChildrenCollapsible(False)
        right = QWidget(self)
        beside = QVBoxLayout(right)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(self.preview)
        beside.addWidget(self.view, 1)
        splitter.addWidget(self.shelf)
        splitter.addWidget(right)
        buttons = QDialogButtonBox(self)
        for button in (
            *(self.default_button, self.rename_button, self.export_button, self.delete_button),
            *(self.fetch_button, self.import_button),
        ):
            button.setAutoDefault(False)
            buttons.addButton(button, QDialogButtonBox.ButtonRole.ActionRole)
        close = buttons.addButton(QDialogButtonBox.StandardButton.Close)
        close.setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(splitter, 1)
        column.addWidget(self.outcome)
        column.addWidget(self.row)
        column.addWidget(buttons)
        fit(self, _COLUMNS, _LINES)
        shares = (_SHELF_SHARE, _CARD_SHARE)
        splitter.setSizes([self.width() * share // sum(shares) for share in shares])
