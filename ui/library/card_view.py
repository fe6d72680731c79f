"""What is known of a model: its card as text that follows QGIS's theme, with a legend of colour squares."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape

from qgis.PyQt.QtCore import QCoreApplication, QEvent, QLocale, QUrl
from qgis.PyQt.QtGui import QColor, QImage, QPainter
from qgis.PyQt.QtWidgets import QTextBrowser, QWidget

from ...contract.cards import ModelCard, SatelliteInput
from ...contract.nomenclature import FLAIR_CLASSES, LandCoverClass
from ...models.published import PublishedModel
from ..widgets.theme import muted

SQUARE = "square"  # scheme of the addresses of the legend's colour squares: square:rrggbb
_COLUMNS = 2  # of the legend
_DEEPEST = 6  # levels of scores: those of a model fine-tuned three times
# What cards call the two figures that are shown: the bundled model's, those of a fine-tuning, the published ones.
_ACCURACY = ("overall_accuracy", "accuracy")
_MEAN_IOU = ("mean_iou_of_classes_present", "mean_iou")
_SIDE = 13  # pixels of a colour square, about a line's height


@dataclass(frozen=True)
class Score:
    """Where a model was measured, in words, and its overall accuracy and mean IoU, 0..1; None: not measured."""

    where: str
    accuracy: float | None
    mean_iou: float | None


def model_html(card: ModelCard, size_bytes: int, muted: str, facts: tuple[tuple[str, str], ...] = ()) -> str:
    """A model at hand, or one that was recognised.

    size_bytes: on disk. muted: colour of the titles, ``#rrggbb``. facts: (name, value) that stand first.
    """
    optional = [role for role in card.inputs if role in card.fill]
    bands = [_tr("{} (optional)").format(_role(role)) if role in optional else _role(role) for role in card.inputs]
    above = [
        *facts,
        (_tr("Limits"), card.limits),
        (_tr("Bands"), ", ".join(bands)),
        (_tr("Sentinel-2"), _satellite(card.satellite)),
        (_tr("Pixel"), _tr("{} m, tiles of {} pixels").format(_number(card.ground_sampling_distance), card.tile_size)),
        (_tr("Licence"), card.licence or _tr("not stated: ask whoever made the model")),
        (_tr("Size on disk"), size_text(size_bytes)),
    ]
    below = [
        (_tr("Trained on"), card.training_data),
        (_tr("Source"), card.source or _tr("not stated")),
        (_tr("Architecture"), card.architecture),
        (_tr("Name in scripts"), card.id),
    ]
    predicted = [kind for kind in card.classes if kind.value in card.outputs]
    return "".join(
        (
            _title(card.title),
            _table(above, muted),
            _heading(_tr("Classes"), muted),
            _legend(predicted),
            _heading(_tr("Scores"), muted),
            _scores(scores(card.scores), muted),
            _heading(_tr("Origin"), muted),
            _table(below, muted),
        )
    )


def published_html(model: PublishedModel, in_library: bool, muted: str) -> str:
    """A published model that can be fetched. in_library: it was already."""
    others = model.classes > len(FLAIR_CLASSES) - 1
    classes = _tr("{}, some of which become “other” in FLAIR's 13") if others else "{}"
    known = (
        (_tr("Fetched"), _tr("yes, it is in the library") if in_library else ""),
        (_tr("Bands"), ", ".join(map(_role, model.inputs))),
        (_tr("Sentinel-2"), _tr("required") if model.satellite else _tr("none")),
        (_tr("Classes"), classes.format(model.classes)),
        (_tr("Licence"), model.licence),
        (_tr("Source"), _tr("{} on the model hub").format(model.hub_id)),
        (_tr("Size to fetch"), size_text(model.size) if model.size else _tr("known once it is fetched")),
        (_tr("Architecture"), model.architecture),
        (_tr("Weights"), _tr("{} million").format(_number(model.weights)) if model.weights else ""),
    )
    measured = [Score(model.measured_on, model.accuracy, model.mean_iou)] if model.mean_iou is not None else []
    return "".join((_title(model.name), _table(known, muted), _heading(_tr("Scores"), muted), _scores(measured, muted)))


def scores(stated: dict) -> list[Score]:
    """The figures in a card's scores, which nest as deep as their card likes."""
    found: list[Score] = []
    _collect(stated, (), found)
    return found


def size_text(size_bytes: int) -> str:
    """Bytes in words: "97.9 MB"."""
    return QLocale().formattedDataSize(int(size_bytes), 1, QLocale.DataSizeFormat.DataSizeSIFormat)


def _collect(stated: object, path: tuple[str, ...], found: list[Score]) -> None:
    if not isinstance(stated, dict) or len(path) > _DEEPEST:
        return
    accuracy, mean_iou = _first(stated, _ACCURACY), _first(stated, _MEAN_IOU)
    if accuracy is not None or mean_iou is not None:
        measured = stated.get("measured_on")
        found.append(Score(measured if isinstance(measured, str) else ", ".join(path), accuracy, mean_iou))
    for name, value in stated.items():
        _collect(value, (*path, str(name).replace("_", " ")), found)


def _first(stated: dict, names: tuple[str, ...]) -> float | None:
    values = [stated[name] for name in names if isinstance(stated.get(name), (int, float))]
    return float(values[0]) if values else None


def _scores(measured: list[Score], muted: str) -> str:
    if not measured:
        return f"<p>{escape(_tr('None are stated: try it on an area that you know.'))}</p>"
    head = "".join(
        f'<td align="{side}" style="color: {muted}">{escape(text)}</td>'
        for side, text in (("left", _tr("Measured on")), ("right", _tr("Accuracy")), ("right", _tr("Mean IoU")))
    )
    rows = "".join(
        f"<tr><td>{escape(score.where)}</td>"
        f'<td align="right">{_share(score.accuracy)}</td><td align="right">{_share(score.mean_iou)}</td></tr>'
        for score in measured
    )
    return f'<table cellspacing="0" cellpadding="3" width="100%"><tr>{head}</tr>{rows}</table>'


def _legend(classes: list[LandCoverClass]) -> str:
    """Colour squares with names, downwards in columns."""
    height = -(-len(classes) // _COLUMNS)
    rows = ""
    for i in range(height):
        cells = "".join(
            f'<td><img src="{SQUARE}:{escape(kind.colour.lstrip("#"), quote=True)}"> &nbsp;{kind.value} '
            f"{escape(kind.name)}</td>"
            for kind in classes[i::height]
        )
        rows += f"<tr>{cells}</tr>"
    return f'<table cellspacing="0" cellpadding="2" width="100%">{rows}</table>'


def _table(rows: Iterable[tuple[str, object]], muted: str) -> str:
    lines = "".join(
        f'<tr><td style="color: {muted}; white-space: nowrap">{escape(name)}</td><td>{escape(str(value))}</td></tr>'
        for name, value in rows
        if value
    )
    return f'<table cellspacing="0" cellpadding="3">{lines}</table>'


def _title(text: str) -> str:
    return f'<p style="font-size: large"><b>{escape(text)}</b></p>'


def _heading(text: str, muted: str) -> str:
    return f'<p style="color: {muted}; margin-bottom: 2px"><b>{escape(text)}</b></p>'


def _satellite(satellite: SatelliteInput | None) -> str:
    if satellite is None:
        return _tr("none")
    return _tr("required") if satellite.required else _tr("optional")


def _role(role: str) -> str:
    names = {
        "red": _tr("red"),
        "green": _tr("green"),
        "blue": _tr("blue"),
        "nir": _tr("near infrared"),
        "elevation": _tr("height above ground"),
    }
    return names.get(role, role)


def _share(value: float | None) -> str:
    return "–" if value is None else QLocale().toString(float(value), "f", 3)


def _number(value: float) -> str:
    return QLocale().toString(float(value), "g", 4)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ModelCard", text)


class CardView(QTextBrowser):
    """Opens no link and loads no file, whatever the text that it shows says."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._html: Callable[[str], str] = lambda _: ""
        self.setOpenLinks(False)
        self.setAccessibleName(self.tr("What is known of the model"))

    def show_html(self, html: Callable[[str], str]) -> None:
        """html: gives the text for a colour of titles, ``#rrggbb``; asked again when QGIS's theme changes."""
        self._html = html
        self._render()
        self.verticalScrollBar().setValue(0)

    def loadResource(self, _kind: int, name: QUrl) -> object:
        """The colour squares; nothing else is there for a text to show."""
        return square(QColor(f"#{name.path()}"), self._muted()) if name.scheme() == SQUARE else None

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.ApplicationPaletteChange):
            self._render()

    def showEvent(self, event) -> None:
        super().showEvent(event)
        self._render()

    def _render(self) -> None:
        self.setHtml(self._html(self._muted().name()))

    def _muted(self) -> QColor:
        # The window's: QGIS's themes give their colours to windows, not to the plain widgets in them.
        return muted(self.window().palette())


def square(colour: QColor, border: QColor) -> QImage:
    """A colour with a thin border, which shows black on black too. A colour that is none: the border alone."""
    image = QImage(_SIDE, _SIDE, QImage.Format.Format_ARGB32)
    image.fill(colour if colour.isValid() else QColor(0, 0, 0, 0))
    painter = QPainter(image)
    painter.setPen(border)
    painter.drawRect(0, 0, _SIDE - 1, _SIDE - 1)
    painter.end()
    return image
