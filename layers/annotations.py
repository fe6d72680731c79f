"""The annotation layer: polygons with a class each, in the classes' colours, above the image they are drawn over."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from qgis.core import (
    QgsCategorizedSymbolRenderer,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsDefaultValue,
    QgsEditorWidgetSetup,
    QgsFieldConstraints,
    QgsFillSymbol,
    QgsGeometry,
    QgsProject,
    QgsRendererCategory,
    QgsVectorLayer,
    QgsVectorLayerUtils,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QCoreApplication

from ..contract.class_plan import MAX_VALUE, distinct_colour
from ..contract.nomenclature import FLAIR_CLASSES, LandCoverClass, name_key
from .annotation_files import (
    CLASS_FIELD,
    LAYER_NAME,
    MADE_FIELD,
    NOTE_FIELD,
    WAS_FIELD,
    AnnotationsError,
    make_geopackage,
)

# Custom property that makes a layer an annotation layer: JSON text, saved with the project.
ANNOTATIONS_PROPERTY = "flair_landcover/annotations"

_FILL_ALPHA = 90  # of 255: the image below stays readable
_OUTLINE_MM = "0.5"


def create_annotations(
    path: Path, crs: QgsCoordinateReferenceSystem, classes: Iterable[LandCoverClass] = FLAIR_CLASSES
) -> QgsVectorLayer:
    """Makes the GeoPackage and opens it. The caller adds the layer to the project, see `add_annotations`.

    An annotation layer that is there already is opened with what it holds; any other file is left alone.
    Raises AnnotationsError where the file cannot be made, or is there and is something else.
    """
    path = Path(path)
    fresh = not path.exists()
    if fresh:
        make_geopackage(path, crs)
    layer = QgsVectorLayer(f"{path}|layername={LAYER_NAME}", _tr("Annotations"), "ogr")
    if not fresh and not _is_annotation_table(layer):
        raise AnnotationsError(
            _tr("The file {} is there already and holds something else: choose another name.").format(path)
        )
    if not layer.isValid():
        raise AnnotationsError(_tr("The annotation layer {} cannot be opened: choose another folder.").format(path))
    style_annotations(layer, classes)
    return layer


def add_annotations(project: QgsProject, layer: QgsVectorLayer) -> QgsVectorLayer:
    """Puts the layer on top of the project, above images and maps; where it is there already, that one is given."""
    for other in annotation_layers(project):
        if other.source() == layer.source():
            return other
    project.addMapLayer(layer, False)
    root = project.layerTreeRoot()
    root.insertLayer(0, layer).setExpanded(False)
    if root.hasCustomLayerOrder():
        order = [each for each in root.customLayerOrder() if each.id() != layer.id()]
        root.setCustomLayerOrder([layer, *order])
    return layer


def annotation_layers(project: QgsProject) -> list[QgsVectorLayer]:
    """The annotation layers of the project that can be opened, from the top of the layer tree to the bottom."""
    nodes = project.layerTreeRoot().findLayers()
    return [node.layer() for node in nodes if node.layer() is not None and is_annotations(node.layer())]


def find_annotations(project: QgsProject, crs: QgsCoordinateReferenceSystem | None = None) -> QgsVectorLayer | None:
    """The annotation layer of the project: one in the image's CRS before others, then the topmost."""
    found = annotation_layers(project)
    return next((layer for layer in found if layer.crs() == crs), found[0] if found else None)


def is_annotations(layer: object) -> bool:
    """Whether it is an annotation layer that can be opened."""
    return (
        isinstance(layer, QgsVectorLayer)
        and layer.isValid()
        and layer.customProperty(ANNOTATIONS_PROPERTY) is not None
        and _is_annotation_table(layer)
    )


def classes_of(layer: QgsVectorLayer) -> tuple[LandCoverClass, ...]:
    """The classes that an annotation layer was styled with; none for other layers."""
    try:
        entries = json.loads(layer.customProperty(ANNOTATIONS_PROPERTY) or "{}")["classes"]
        return tuple(LandCoverClass(int(value), str(name), str(colour)) for value, name, colour in entries)
    except (ValueError, TypeError, KeyError):  # none, or written by hand
        return ()


def style_annotations(layer: QgsVectorLayer, classes: Iterable[LandCoverClass]) -> None:
    """Shows the polygons half-transparent in the classes' colours, and offers the classes in the layer's form."""
    classes = tuple(classes)
    layer.setCustomProperty(
        ANNOTATIONS_PROPERTY,
        json.dumps({"classes": [[c.value, c.name, c.colour] for c in classes]}, ensure_ascii=False),
    )
    categories = [QgsRendererCategory(c.value, _symbol(c.colour), c.name) for c in classes]
    categories.append(QgsRendererCategory("", _symbol(None), _tr("no class yet")))  # all other values
    layer.setRenderer(QgsCategorizedSymbolRenderer(CLASS_FIELD, categories))
    _set_form(layer, classes)
    layer.triggerRepaint()


def follow_classes(layer: QgsVectorLayer, classes: Iterable[LandCoverClass]) -> None:
    """Offers the classes of a map in an annotation layer, beside those that it has.

    Classes are the same by name. A class whose number means another one in the layer gets the next free number:
    what polygons hold keeps its meaning.
    """
    own = classes_of(layer)
    merged = list(own)
    for each in classes:
        if any(name_key(each.name) == name_key(known.name) for known in merged):
            continue
        if any(each.value == known.value for known in merged):
            each = LandCoverClass(max(known.value for known in merged) + 1, each.name, each.colour)
        merged.append(each)
    if tuple(merged) != own:
        style_annotations(layer, merged)


def add_class(layer: QgsVectorLayer, name: str) -> LandCoverClass:
    """The layer's class of this name; where it has none, a new one with the next number and a colour of its own.

    Raises AnnotationsError where the name has no letter, or there is no number left.
    """
    classes = classes_of(layer)
    name = " ".join(name.split())
    for known in classes:
        if name_key(known.name) == name_key(name):
            return known
    if not any(character.isalpha() for character in name):
        raise AnnotationsError(_tr("A new class needs a name with letters: give another one."))
    value = max((c.value for c in classes), default=0) + 1
    if value > MAX_VALUE:
        raise AnnotationsError(_tr("There is no number left for a new class: use one of those there are."))
    made = LandCoverClass(value, name, distinct_colour([c.colour for c in classes]))
    style_annotations(layer, (*classes, made))
    return made


def add_correction(
    project: QgsProject,
    layer: QgsVectorLayer,
    geometry: QgsGeometry,
    crs: QgsCoordinateReferenceSystem,
    was: int,
    now: int,
) -> None:
    """Adds one polygon to the layer's unsaved edits, as one step that can be undone.

    geometry: polygon in `crs`. was: the map's label, now: the right class, as the layer numbers them.
    Raises AnnotationsError where the layer cannot be edited, or its CRS does not reach there.
    """
    moved = QgsGeometry(geometry)
    try:
        moved.transform(QgsCoordinateTransform(crs, layer.crs(), project.transformContext()))
    except QgsCsException:
        raise AnnotationsError(
            _tr("The polygon lies outside the CRS of the layer {}: use another annotation layer.").format(layer.name())
        ) from None
    start_editing(layer)
    fields = layer.fields()
    values = {fields.indexFromName(name): value for name, value in ((CLASS_FIELD, now), (WAS_FIELD, was))}
    values.pop(-1, None)  # of a field that the analyst removed
    # With the layer's defaults: when it was made.
    feature = QgsVectorLayerUtils.createFeature(layer, moved, values, layer.createExpressionContext())
    names = {c.value: c.name for c in classes_of(layer)}
    layer.beginEditCommand(_tr("Correct {} to {}").format(names.get(was, was), names.get(now, now)))
    if layer.addFeature(feature):
        layer.endEditCommand()
        layer.triggerRepaint()
    else:
        layer.destroyEditCommand()
        raise AnnotationsError(
            _tr("The layer {} takes no polygon: save or give up its edits, then try again.").format(layer.name())
        )


def start_editing(layer: QgsVectorLayer) -> None:
    """Raises AnnotationsError where the layer cannot be edited."""
    if not layer.isEditable() and not layer.startEditing():
        raise AnnotationsError(
            _tr("The layer {} cannot be edited: is its file read-only, or open in another program?").format(
                layer.name()
            )
        )


def save_annotations(layer: QgsVectorLayer) -> None:
    """Saves unsaved edits, and lets the layer stay editable where it was.

    Raises AnnotationsError where they cannot be saved; they stay in the layer.
    """
    if layer.isModified() and not layer.commitChanges(False):
        problem = "; ".join(layer.commitErrors())
        raise AnnotationsError(_tr("The layer {} cannot be saved ({}).").format(layer.name(), problem))


def _is_annotation_table(layer: QgsVectorLayer) -> bool:
    fields = layer.fields()
    index = fields.indexFromName(CLASS_FIELD)
    polygons = QgsWkbTypes.GeometryType.PolygonGeometry
    return layer.isValid() and layer.geometryType() == polygons and index >= 0 and fields.at(index).isNumeric()


def _symbol(colour: str | None) -> QgsFillSymbol:
    """Half-transparent in a colour; None: the outline alone, white and dashed, which no class has."""
    if colour is None:
        return QgsFillSymbol.createSimple(
            {"style": "no", "outline_color": "255,255,255,255", "outline_style": "dash", "outline_width": _OUTLINE_MM}
        )
    red, green, blue = LandCoverClass(1, "", colour).rgb
    return QgsFillSymbol.createSimple(
        {
            "color": f"{red},{green},{blue},{_FILL_ALPHA}",
            "outline_color": f"{red},{green},{blue},255",
            "outline_width": _OUTLINE_MM,
        }
    )


def _set_form(layer: QgsVectorLayer, classes: tuple[LandCoverClass, ...]) -> None:
    fields = layer.fields()
    choices = {"map": [{c.name: c.value} for c in classes]}
    form = layer.editFormConfig()
    for name, alias in (
        (CLASS_FIELD, _tr("Class")),
        (WAS_FIELD, _tr("On the map")),
        (NOTE_FIELD, _tr("Note")),
        (MADE_FIELD, _tr("Made")),
    ):
        index = fields.indexFromName(name)
        if index < 0:
            continue
        layer.setFieldAlias(index, alias)
        if name in (CLASS_FIELD, WAS_FIELD):
            layer.setEditorWidgetSetup(index, QgsEditorWidgetSetup("ValueMap", choices))
        if name in (WAS_FIELD, MADE_FIELD):
            form.setReadOnly(index, True)
        if name == MADE_FIELD:
            layer.setDefaultValueDefinition(index, QgsDefaultValue("now()"))
        if name == CLASS_FIELD:
            layer.setFieldConstraint(
                index,
                QgsFieldConstraints.Constraint.ConstraintNotNull,
                QgsFieldConstraints.ConstraintStrength.ConstraintStrengthHard,
            )
    key = fields.indexFromName("fid")
    if key >= 0:
        layer.setEditorWidgetSetup(key, QgsEditorWidgetSetup("Hidden", {}))
    layer.setEditFormConfig(form)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Annotations", text)
