"""The fields, in the order in which an analyst thinks, and the job that they describe."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from qgis.core import QgsProject
from qgis.gui import QgsCollapsibleGroupBox, QgsMapCanvas
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from ...contract.answers import AerialDescription
from ...contract.cards import ModelCard, has_other_classes
from ...contract.image import ImageSettings
from ...contract.notices import Notice
from ...contract.segmentation import SegmentationJob
from ...layers.chosen_image import ChosenImage
from ...layers.partners import colours_of, may_lack_infrared
from ...layers.sources import assigned_crs, layer_of
from ...layers.tiles import layer_of_image
from ..widgets.field import Field
from ..widgets.lifetime import Connections
from ..widgets.model_field import DeviceField, ModelField
from ..widgets.series_chooser import SeriesChooser
from .area_field import AreaField
from .bands_field import BandsField
from .destination_field import DestinationField, beside
from .fetch_row import FetchRow
from .heights_field import HeightsField, HeightSource
from .image_field import ImageField
from .infrared_field import InfraredField
from .more_field import MoreField
from .remembered import LastUsed, last_used, remember
from .series_field import SeriesField

# The field that shows what is wrong with a setting of the job.
FIELD_OF_SETTING = {
    "input": "aerial",
    "crs": "aerial",
    "infrared": "infrared",
    "bands": "bands",
    "elevation": "heights",
    "terrain": "heights",
    "extent": "area",
    "mask": "area",
    "sentinel2": "sentinel2",
    "leave_out": "sentinel2",
    "difference": "sentinel2",
    "model": "model",
    "device": "device",
    "precision": "more",
    "tta": "more",
    "classes": "more",
    "output": "destination",
    "confidence": "destination",
    "probabilities": "destination",
}


class WrongField(ValueError):
    """A field does not hold what it should. The text is one sentence for the user."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class FormFields(QWidget):
    """All fields. canvas: where areas are drawn.

    changed: anything was. image_changed: another image, or other bands of it, should be looked at.
    series_changed: the dates of another series, or in another place, should be looked at.
    """

    changed = pyqtSignal()
    image_changed = pyqtSignal()
    series_changed = pyqtSignal()

    def __init__(self, canvas: QgsMapCanvas, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.aerial = ImageField()
        self.infrared = InfraredField()
        self.bands = BandsField()
        self.heights = HeightsField()
        self.area = AreaField(canvas)
        self.sentinel2 = SeriesChooser()
        self.series = SeriesField()
        self.model = ModelField()
        self.device = DeviceField()
        self.destination = DestinationField()
        self.more = MoreField()
        self.fetch = FetchRow(self.aerial, self.infrared, self.area, self._pixel_m)
        self._used = last_used()
        self._described: AerialDescription | None = None
        self._fields: dict[str, Field] = {}
        self._labels: dict[str, QLabel] = {}
        self._titles: dict[str, str] = {}
        self._lay_out()
        self._choose_colours()
        self._offer_infrared()
        self._restore()
        self.heights.changed.connect(self._show_height_band)
        self.model.changed.connect(self._show_limits)
        self.model.changed.connect(self._offer_classes)
        self.model.changed.connect(self.fetch.refresh)
        self._show_height_band()
        self._show_limits()
        self._offer_classes()
        self.aerial.changed.connect(self._offer_infrared)  # before the image is looked at
        self.infrared.changed.connect(self._show_infrared)
        self._of_project = Connections()
        self._of_project.add(QgsProject.instance(), "layersAdded", self._look_for_infrared)
        self.aerial.changed.connect(self.image_changed)
        self.infrared.changed.connect(self.image_changed)
        self.area.changed.connect(self.image_changed)
        self.bands.changed.connect(self.image_changed)
        for widget in (self.aerial, self.area, self.sentinel2):
            widget.changed.connect(self.series_changed)
        for widget in (
            *(self.aerial, self.infrared, self.bands, self.heights, self.area, self.sentinel2, self.series, self.model),
            *(self.destination, self.more),
        ):
            widget.changed.connect(self.changed)
        self.device.currentIndexChanged.connect(lambda _: self.changed.emit())

    def title(self, name: str) -> str:
        """A field's name, as the analyst reads it."""
        return self._titles[name]

    def set_note(self, name: str, text: str) -> None:
        """What a field says while nothing is wrong."""
        self._fields[name].set_note(text)

    def complain(self, name: str, sentence: str) -> None:
        """Says under a field what is wrong, and shows the field."""
        self._fields[name].set_complaint(sentence)
        if name == "more":
            self._more_box.setCollapsed(False)

    def set_described(self, answer: AerialDescription | None, given: str = "") -> None:
        """What the image holds; None: nothing is known (yet). given: the bands' text by which it was looked at."""
        self._described = answer
        self.bands.set_known(answer, given)
        self._show_infrared()

    def set_remarks(self, remarks: Sequence[Notice]) -> list[Notice]:
        """Shows what the engine remarks on each field beside it, and gives what is about none that is seen."""
        others = []
        by_field: dict[str, list[Notice]] = {name: [] for name in self._fields}
        for remark in remarks:
            name = FIELD_OF_SETTING.get(remark.setting, "")
            by_field[name].append(remark) if name in by_field and name != "more" else others.append(remark)
        for name, field in self._fields.items():
            field.set_remarks(by_field[name])
            if name != "more":
                self._set_row(bool(by_field[name]), field.remarks, field)
        return others

    def in_doubt(self) -> list[str]:
        """The fields of which something is in doubt, from the top."""
        return [name for name, field in self._fields.items() if any(told.doubt for told in field.remarks.remarks())]

    def field(self, name: str) -> Field:
        """A field with what is said of it."""
        return self._fields[name]

    def clear_complaints(self) -> None:
        """Nothing is wrong any more."""
        for field in self._fields.values():
            field.set_complaint("")

    def job(self) -> SegmentationJob:
        """The job as the fields stand.

        Raises WrongField where something is missing or wrong that can be known without the engine.
        """
        image = self.image_settings()
        layer, area = self.aerial.layer(), self.area.area()
        extent, mask = (None, None) if area is None else _of("area", lambda: area.in_image(layer))
        destination = self.destination.destination(self.more.probabilities())
        difference = None
        if image.sentinel2 and self.series.difference():
            difference = beside(destination.output, "difference")
        for layer in filter(None, map(layer_of, [*destination.paths(), *filter(None, (difference,))])):
            raise WrongField(
                "destination",
                self.tr("The layer {} shows this file: choose another name, or remove the layer first.").format(
                    layer.name()
                ),
            )
        return SegmentationJob(
            image,
            output=destination.output,
            extent=extent,
            mask=mask,
            difference=difference,
            tta=self.more.tta(),
            classes=self.more.classes(),
            confidence=destination.confidence,
            probabilities=destination.probabilities,
        )

    def image_settings(self) -> ImageSettings:
        """What image is looked at, with what beside it, by what model and where.

        Raises WrongField as `job`.
        """
        if self.aerial.pending():
            raise WrongField("aerial", self.tr("The tiles have not been looked at yet."))
        if self.aerial.layer() is None:
            raise WrongField("aerial", self.tr("Add an aerial image to the project, or choose a file."))
        for name, chooser in (("aerial", self.aerial), ("infrared", self.infrared)):
            if self.fetch.complaint(chooser):
                raise WrongField(name, self.fetch.complaint(chooser))
        paths = _of("aerial", self.aerial.paths)
        if self.bands.complaint():
            raise WrongField("bands", self.bands.complaint())
        elevation, terrain = _of("heights", self.heights.paths)
        sentinel2 = _of("sentinel2", self.sentinel2.paths)
        return ImageSettings(
            input=paths,
            crs=assigned_crs(self.aerial.layer()),
            bands=self.bands.asked(),
            infrared=_of("infrared", self.infrared.path) or None,
            elevation=elevation,
            terrain=terrain,
            sentinel2=sentinel2,
            leave_out=_of("sentinel2", self.series.leave_out) if sentinel2 else (),
            model=self.model.model(),
            device=self.device.device(),
            precision=self.more.precision(),
        )

    def chosen_image(self) -> ChosenImage:
        """The image and how it is looked at, or what is wrong with that."""
        settings, complaint = None, ""
        try:
            settings = self.image_settings()
        except WrongField as wrong:
            complaint = self.tr("{}: {}").format(self.title(wrong.field), str(wrong))
        try:
            series = self.sentinel2.paths()
        except ValueError:  # which is what the complaint is about
            series = None
        infrared = self.infrared.layer() is not None or bool(self.infrared.path())
        return ChosenImage(self.aerial.layer(), infrared, bool(series), settings, complaint)

    def series_job(self) -> SegmentationJob | None:
        """The job as far as the dates of its series depend on it; None where there is nothing to ask for."""
        try:
            layer, paths, sentinel2 = self.aerial.layer(), self.aerial.paths(), self.sentinel2.paths()
            area = self.area.area()
            extent, mask = (None, None) if area is None or layer is None else area.in_image(layer)
        except ValueError:  # the check says so
            return None
        if layer is None or not (paths and sentinel2):
            return None
        output = self.destination.destination(False).output
        image = ImageSettings(paths, crs=assigned_crs(layer), sentinel2=sentinel2)
        return SegmentationJob(image, output, extent=extent, mask=mask)

    def look(self) -> ImageSettings | None:
        """The image with the infrared that goes with it, bands aside; None where there is nothing to look at."""
        try:
            paths, infrared = self.aerial.paths(), self.infrared.path()
        except ValueError:  # the check says so
            return None
        if not paths:
            return None
        if self.aerial.pending():
            return ImageSettings(paths)
        return ImageSettings(paths, crs=assigned_crs(self.aerial.layer()), infrared=infrared or None)

    def bands_used(self, image: ImageSettings) -> str:
        """The bands' text that was last used for an image, or ""."""
        return self._used.bands.get(_key(image), "")

    def remember(self, job: SegmentationJob) -> None:
        """Keeps the choices for the next time, and makes room for the next map."""
        image = job.image
        bands = {key: text for key, text in self._used.bands.items() if key != _key(image)}
        self._used = LastUsed(
            image,
            heights=self.heights.source().value,
            tta=job.tta,
            classes=job.classes,
            confidence=job.confidence is not None,
            probabilities=job.probabilities is not None,
            bands={**bands, _key(image): image.bands} if image.bands else bands,
            left_out=self.series.remembered(),
            without_infrared=self.infrared.left_out(),
            difference=self.series.difference_box.isChecked(),
        )
        remember(self._used)
        self.destination.next()

    def take_layers(self) -> None:
        """Chooses the layers that were last used, where the project has them."""
        image = self._used.image
        layer = layer_of_image(image.input) if image.input else None
        if layer is not None:
            self.aerial.set_layer(layer)
            if image.infrared and image.infrared != self.infrared.path():
                self.infrared.choose(image.infrared)
        # In another project, a file that is no layer would lie somewhere else on earth.
        if image.sentinel2 and (layer is not None or all(map(layer_of, image.sentinel2))):
            self.sentinel2.set_paths(image.sentinel2)

    def close(self) -> None:
        """Lets go of the canvas and the project."""
        self._of_project.close()
        self.fetch.shut()
        self.area.close()
        self.sentinel2.close()

    def _restore(self) -> None:
        used, image = self._used, self._used.image
        self.model.set_model(image.model)
        self.device.set_device(image.device)
        self.more.set_values(image.precision, used.tta, used.classes, used.probabilities)
        self.destination.set_confidence(used.confidence)
        self.series.set_remembered(used.left_out)
        self.series.set_difference(used.difference)
        if used.heights in [source.value for source in HeightSource]:
            self.heights.set_source(HeightSource(used.heights))
            if image.elevation and os.path.exists(image.elevation):
                self.heights.set_paths(image.elevation, image.terrain or "")
        self.take_layers()

    def _choose_colours(self) -> None:
        """Of the two layers of a place the one in colours is the image, the infrared one goes with it."""
        layer = self.aerial.layer()
        colours = colours_of(layer) if layer is not None else None
        if colours is not None:
            self.aerial.set_layer(colours)

    def _offer_infrared(self) -> None:
        """Chooses the infrared image that belongs to the image."""
        try:
            image = () if self.aerial.pending() else self.aerial.paths()
        except ValueError:  # the check says so
            image = ()
        left_out = self._used.without_infrared if image == self._used.image.input else ""
        self.infrared.set_image(image, self._may_lack_infrared(), left_out)
        self._show_infrared()

    def _look_for_infrared(self, _: list) -> None:
        self.infrared.look_again(self._may_lack_infrared())

    def _may_lack_infrared(self) -> bool:
        layer = self.aerial.layer()
        return layer is not None and may_lack_infrared(layer)

    def _show_infrared(self) -> None:
        """Shows the field where it is used, or where the image has no infrared of its own."""
        chosen = self.infrared.layer() is not None or bool(self.infrared.path())
        known = self._described
        lacks = self._may_lack_infrared() if known is None else "nir" not in known.bands
        self._set_row(chosen or lacks, self._fields["infrared"], self.fetch, self._labels["infrared"])
        found = self.tr("Found by its name; its near infrared is used. Choose “none” to do without.")
        self.set_note("infrared", found if self.infrared.chosen_by_itself() else "")

    def _set_row(self, shown: bool, widget: QWidget, above: QWidget, label: QLabel | None = None) -> None:
        """Shows or hides a row of the form, below another one: one that is only hidden would leave a gap."""
        there = self._rows.getWidgetPosition(widget)[0] >= 0
        if shown and not there:
            at = self._rows.getWidgetPosition(above)[0] + 1
            self._rows.insertRow(at, widget) if label is None else self._rows.insertRow(at, label, widget)
        elif there and not shown:
            self._rows.takeRow(widget)
        for each in filter(None, (widget, label)):
            each.setVisible(shown)

    def _show_height_band(self) -> None:
        source = self.heights.source()
        self.bands.set_height_wanted(
            source is HeightSource.BAND, source in (HeightSource.RASTER, HeightSource.DIFFERENCE)
        )

    def _pixel_m(self) -> float:
        """The ground sampling distance of the model chosen, in metres."""
        card = self.model.card()
        return (card or ModelCard).ground_sampling_distance

    def _show_limits(self) -> None:
        card = self.model.card()
        self.set_note("model", card.limits if card else "")

    def _offer_classes(self) -> None:
        card = self.model.card()
        self.more.offer_classes(card is None or has_other_classes(card))  # of a checkpoint only the engine knows

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        rows = self._rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        column.addLayout(rows)
        for name, title, widget in (
            ("aerial", self.tr("Image"), self.aerial),
            ("infrared", self.tr("Infrared"), self.infrared),
            ("bands", self.tr("Bands"), self.bands),
            ("heights", self.tr("Heights"), self.heights),
            ("area", self.tr("Area"), self.area),
            ("sentinel2", self.tr("Sentinel-2"), self.sentinel2),
            ("model", self.tr("Model"), self.model),
            ("device", self.tr("Device"), self.device),
            ("destination", self.tr("Result"), self.destination),
        ):
            field = Field(widget, apart=True)
            self._fields[name], self._titles[name] = field, title
            field.remarks.setParent(self)  # a row of its own, while there are any: sentences need the whole width
            if name == "bands":  # five pictures beside each other need the whole width
                rows.addRow(field)
                continue
            label = self._labels[name] = QLabel(title)
            label.setBuddy(widget)
            rows.addRow(label, field)
            if name == "aerial":
                rows.addRow(self.fetch)
            if name == "sentinel2":  # a year of dates needs the whole width too
                rows.addRow(self.series)
        self._fields["more"], self._titles["more"] = Field(self.more), self.tr("More")
        self._more_box = QgsCollapsibleGroupBox(self.tr("More"))
        self._more_box.setCollapsed(True)
        QVBoxLayout(self._more_box).addWidget(self._fields["more"])
        column.addWidget(self._more_box)
        column.addStretch(1)


def _key(image: ImageSettings) -> str:
    """By which the bands of an image are remembered."""
    return "\n".join((*image.input, *filter(None, (image.infrared,))))


def _of(name: str, read: Callable):
    try:
        return read()
    except ValueError as error:
        raise WrongField(name, str(error)) from None
