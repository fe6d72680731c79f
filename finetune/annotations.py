"""Polygons with classes, read from any vector file that OGR knows and laid on the aerial raster."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import CRSError as LayerCRSError
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from rasterio._err import CPLE_BaseError  # what PROJ's refusals are raised as; rasterio has no public name for it
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.warp import transform, transform_bounds

from ..contract.cards import ModelCard
from ..contract.class_names import COSIA, is_cosia_number, numbering
from ..contract.class_plan import ClassPlan, plan_classes, value_text
from ..contract.errors import BadInput, about
from ..contract.files import why_no_file
from ..contract.finetuning import AnnotatedClass, FinetuneJob
from ..contract.going_on import counted, go_on
from ..contract.job_values import check_values
from ..contract.notices import Warn, notice, stage
from ..inference.raster.geobox import Bounds, GeoBox
from ..inference.raster.ground import is_on_earth

_UNREADABLE = (DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError, LayerCRSError)
_POLYGON = 3  # shapely's number of the type Polygon
_NO_POLYGONS = ("point", "linestring", "multipoint", "multilinestring")
_BUSY_MS = "1500"  # how long GDAL waits, twice, for another program to give a GeoPackage free; its own 5000 is long
_SHOWN = 12  # names that a sentence lists
# Crossings of an outline with itself up to which it is repaired. GEOS took 1.6, 4 and 30 s for 1,900, 4,500 and 18,000
# of random corners (measured), and takes hours and all of the memory for millions; what is drawn by hand has a few.
_CROSSINGS = 2000
_SEGMENTS = 64  # of an outline that are looked at at once
_BATCH = 1000  # polygons that are worked on between two looks at whether the job goes on


@dataclass(frozen=True)
class Annotation:
    """One polygon that says what is there.

    number: from 1 on, in the order of the file. value: of the class, in the plan's legend.
    geometry: a valid polygon without curves, in the aerial raster's CRS and inside the raster.
    """

    number: int
    value: int
    geometry: shapely.Polygon


@dataclass(frozen=True)
class Annotations:
    """The polygons of a job that lie on its raster.

    items: those with a class. plan: what the field's values mean. source: the file and its layer, as text.
    values: (value of the field as text, number of polygons), in the order of the file, ignored ones too.
    """

    items: tuple[Annotation, ...]
    plan: ClassPlan
    source: str
    values: tuple[tuple[str, int], ...]

    @property
    def ignored(self) -> int:
        """Polygons on the raster that have no class, or whose value the class map ignores."""
        return sum(count for text, count in self.values if self.plan.assigned[text] is None)


@dataclass(frozen=True)
class _Layer:
    """An opened layer. crs: None where it has none. features: -1 where the file does not say. fields: their names."""

    path: str
    name: str
    crs: CRS | None
    features: int
    bounds: Bounds | None
    fields: tuple[str, ...]


def read_annotations(job: FinetuneJob, card: ModelCard, geobox: GeoBox, warn: Warn) -> Annotations:
    """The polygons of a job, on the geobox's raster and in its CRS.

    They are transformed to the raster's CRS, curves made straight, invalid outlines repaired, cut at the raster's
    edges and taken apart into polygons of one part. `warn` takes a notice of whatever is left out or assumed.
    Raises BadInput, which names the setting of the job, where the file, layer or field cannot be used, no polygon
    with a class lies on the raster, a value is no class (see `class_plan.plan_classes`) or all are of one class.
    """
    check_values(job)
    with about("polygons"):
        layer = _open_layer(job)
        crs, target = _both_crs(layer, geobox, warn)
        wkb, texts = _read(layer, job.class_field, _reach(geobox, crs, target))
        shapes, features = _shapes(wkb, layer, warn)
        expected = layer.features - (len(wkb) - len(features))
        shapes = _transformed(shapes, crs, target, layer)
        shapes, features = _repaired(shapes, features, layer, warn)
        shapes, features = _on_raster(shapes, features, expected, layer, geobox, warn)
    values = [texts[feature] for feature in features]
    plan = _plan(job, card, layer, values, warn)
    meant = [(plan.assigned[text], shape) for text, shape in zip(values, shapes)]
    chosen = [(value, shape) for value, shape in meant if value is not None]
    unclassed = sum(1 for text in values if not text and plan.assigned[text] is None)
    if not chosen:
        raise _no_class(job, all_empty=unclassed == len(values))
    if unclassed:
        warn(notice("polygons_without_value", count=unclassed, field=job.class_field))
    found = {value for value, _ in chosen}
    if len(found) == 1 and not job.one_class:
        raise BadInput(
            f"All polygons are of the class {plan.name_of(found.pop())}: a model trained on them alone would learn to "
            "see it everywhere; draw polygons of at least one other class, or allow one class.",
            "one_class",
        )
    items = tuple(Annotation(number, value, shape) for number, (value, shape) in enumerate(chosen, 1))
    return Annotations(items, plan, f"{layer.path}, layer {layer.name}", tuple(Counter(values).items()))


def annotated_classes(annotations: Annotations, metres: float) -> tuple[AnnotatedClass, ...]:
    """The classes with polygons, in the legend's order.

    metres: to one unit of the CRS. area_m2: of the polygons' outlines, to a tenth.
    """
    rows = []
    for kind in annotations.plan.legend:
        areas = [item.geometry.area for item in annotations.items if item.value == kind.value]
        if areas:
            area_m2 = round(sum(areas) * metres**2, 1)
            rows.append(AnnotatedClass(kind.value, kind.name, kind.colour, len(areas), area_m2))
    return tuple(rows)


def _plan(job: FinetuneJob, card: ModelCard, layer: _Layer, values: list[str], warn: Warn) -> ClassPlan:
    numbers = numbering(job.class_field, layer.fields)
    plan = plan_classes(card, values, job.class_map, numbers)
    listed = {value_text(value) for value, _ in job.class_map}
    by_number = any(value.isdecimal() and value not in listed for value in values)
    if by_number and numbers == COSIA:
        warn(notice("cosia_numbers", field=job.class_field))
    elif by_number and is_cosia_number(job.class_field):
        four = next((c.name for c in card.classes if c.value == 4), "none")
        warn(notice("numero_of_flair", field=job.class_field, four=four))
    for each in plan.notices:
        warn(each)
    return plan


def _open_layer(job: FinetuneJob) -> _Layer:
    path = job.polygons
    if not path.startswith("/vsi") and not os.path.exists(path):
        raise BadInput(f"There is no file {path}: choose an existing file with polygons.")
    reason = why_no_file(path)
    if reason:
        raise BadInput(f"{path} {reason}.")
    pyogrio.set_gdal_config_options({"SQLITE_BUSY_TIMEOUT": _BUSY_MS})
    try:
        kinds = {str(name): kind for name, kind in pyogrio.list_layers(path)}
        name = _layer_name(job, kinds)
        info = pyogrio.read_info(path, layer=name)
    except _UNREADABLE as error:
        raise _unreadable(path, error) from None
    kind = kinds[name]
    if kind is None:
        raise BadInput(f"The layer {name} of {path} is a table without geometries: choose a layer of polygons.")
    if kind.split()[0].lower() in _NO_POLYGONS:
        raise BadInput(f"The layer {name} of {path} holds geometries of type {kind}: choose a layer of polygons.")
    fields = [str(field) for field in info["fields"]]
    if job.class_field not in fields:
        there = f"choose one of {_listed(fields)}" if fields else "it has no fields; add one with the class"
        raise BadInput(f"The layer {name} of {path} has no field {job.class_field!r}: {there}.", "class_field")
    if info["features"] == 0:
        raise BadInput(f"The layer {name} of {path} is empty: draw polygons into it and save it first.")
    try:
        crs = CRS.from_user_input(info["crs"]) if info["crs"] else None
    except CRSError:
        raise BadInput(f"The CRS of the layer {name} of {path} cannot be read: assign it again.") from None
    return _Layer(path, name, crs, int(info["features"]), info.get("total_bounds"), tuple(fields))


def _layer_name(job: FinetuneJob, kinds: dict[str, str | None]) -> str:
    if not kinds:
        raise BadInput(f"{job.polygons} has no layers: choose a file with polygons.")
    if job.layer:
        if job.layer not in kinds:
            raise BadInput(f"{job.polygons} has no layer {job.layer!r}: choose one of {_listed(list(kinds))}.", "layer")
        return job.layer
    areas = (name for name, kind in kinds.items() if kind and ("Polygon" in kind or "Surface" in kind))
    return next(areas, next(iter(kinds)))


def _both_crs(layer: _Layer, geobox: GeoBox, warn: Warn) -> tuple[CRS | None, CRS | None]:
    """The CRS of the layer and that of the raster; None twice where coordinates are taken as they are."""
    target = CRS.from_wkt(geobox.crs_wkt) if geobox.crs_wkt else None
    if layer.crs is None and target is not None:
        warn(notice("layer_without_crs", layer=layer.name))
    elif target is None and layer.crs is not None:
        warn(notice("polygons_as_they_are", crs=str(layer.crs)))
    elif target is not None and layer.crs != target and not (is_on_earth(layer.crs) and is_on_earth(target)):
        warn(notice("local_crs"))
    else:
        return (None, None) if layer.crs == target else (layer.crs, target)
    return None, None


def _reach(geobox: GeoBox, crs: CRS | None, target: CRS | None) -> Bounds | None:
    """The raster's bounds in the layer's CRS; None where they cannot be told: everything is read then."""
    bounds = geobox.bounds
    if crs is None:
        return bounds
    try:
        bounds = transform_bounds(target, crs, *bounds, densify_pts=21)
    except (RasterioError, CRSError, CPLE_BaseError):
        return None
    return bounds if np.isfinite(bounds).all() and bounds[0] < bounds[2] else None


def _read(layer: _Layer, field: str, reach: Bounds | None) -> tuple[np.ndarray, list[str]]:
    """The geometries, as WKB or None, and the values of the features that may lie on the raster."""
    try:
        # GDAL makes the curves straight here, with a corner every 4 degrees of arc, its default.
        _, _, wkb, columns = pyogrio.raw.read(layer.path, layer=layer.name, columns=[field], force_2d=True, bbox=reach)
    except _UNREADABLE as error:
        raise _unreadable(layer.path, error) from None
    except UnicodeDecodeError:
        raise BadInput(
            f"The texts of {layer.path} are not in the encoding that it states: save it as a GeoPackage first."
        ) from None
    return wkb, [value_text(value) for value in columns[0]]


def _shapes(wkb: np.ndarray, layer: _Layer, warn: Warn) -> tuple[np.ndarray, np.ndarray]:
    """The geometries with an area, as they are, and the number of the feature of each."""
    shapes = shapely.from_wkb(wkb, on_invalid="ignore")
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    flat = ~empty & (shapely.get_dimensions(shapes) < 2)
    if flat.any() and not (~empty & ~flat).any():
        raise BadInput(f"The layer {layer.name} of {layer.path} holds no polygons: choose a layer of polygons.")
    if flat.any():
        warn(notice("no_polygons", count=int(flat.sum())))
    if empty.any():
        warn(notice("unreadable_geometries", count=int(empty.sum())))
    features = np.flatnonzero(~empty & ~flat)
    return shapes[features], features


def _transformed(shapes: np.ndarray, crs: CRS | None, target: CRS | None, layer: _Layer) -> np.ndarray:
    if crs is None or not len(shapes):
        return shapes

    def move(points: np.ndarray) -> np.ndarray:
        return np.column_stack(transform(crs, target, points[:, 0], points[:, 1]))

    try:
        return shapely.transform(shapes, move)
    except (RasterioError, CRSError, CPLE_BaseError):
        raise BadInput(
            f"The polygons of {layer.path} cannot be transformed from {crs} to the aerial raster's CRS: check both CRS."
        ) from None


def _repaired(shapes: np.ndarray, features: np.ndarray, layer: _Layer, warn: Warn) -> tuple[np.ndarray, np.ndarray]:
    """The polygons of one part each, all valid, and their features' numbers.

    Raises BadInput for an outline that crosses itself too often to be repaired.
    """
    finite = np.isfinite(shapely.bounds(shapes)).all(axis=1)  # infinite: far outside the CRS's area
    shapes, features = shapes[finite], features[finite]
    invalid = np.flatnonzero(~in_batches(shapely.is_valid, shapes).astype(bool))
    if len(invalid):
        warn(notice("repaired", count=len(invalid)))
    for place in counted(invalid, lambda number, total: stage("repairing_polygons", number=number, total=total)):
        if not _can_be_repaired(shapes[place]):
            raise BadInput(
                f"The outline of a polygon of {layer.path}, which covers {_numbers(shapes[place].bounds)} on the "
                f"aerial raster, crosses itself more than {_CROSSINGS:,} times: draw it again, or delete it."
            )
        shapes[place] = shapely.make_valid(shapes[place])
    return _taken_apart(shapes, features)


def in_batches(work: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """What shapely gives for arrays of the same length, some polygons at once; Cancelled where the job was stopped."""
    parts = []
    for start in range(0, len(arrays[0]), _BATCH):
        go_on()
        parts.append(work(*(array[start : start + _BATCH] for array in arrays)))
    return np.concatenate(parts) if parts else np.empty(0, object)


def _can_be_repaired(shape: shapely.Geometry) -> bool:
    """Whether the outlines of a polygon cross each other and themselves at most `_CROSSINGS` times."""
    rings = shapely.remove_repeated_points(shapely.get_rings(shapely.get_parts(shape)))
    corners, ring = shapely.get_coordinates(rings, return_index=True)
    inside = ring[:-1] == ring[1:]
    segments = shapely.linestrings(np.stack([corners[:-1], corners[1:]], axis=1)[inside])
    tree, twice = shapely.STRtree(segments), 0
    for start in range(0, len(segments), _SEGMENTS):
        go_on()
        some = segments[start : start + _SEGMENTS]
        twice += sum(tree.query(some, predicate=kind).shape[1] for kind in ("crosses", "overlaps"))
        if twice > 2 * _CROSSINGS:
            return False
    return True


def _taken_apart(shapes: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    while np.isin(shapely.get_type_id(shapes), (4, 5, 6, 7)).any():  # multiparts and collections, also nested ones
        shapes, index = shapely.get_parts(shapes, return_index=True)
        features = features[index]
    keep = (shapely.get_type_id(shapes) == _POLYGON) & ~shapely.is_empty(shapes)
    return shapes[keep], features[keep]


def _on_raster(
    shapes: np.ndarray, features: np.ndarray, expected: int, layer: _Layer, geobox: GeoBox, warn: Warn
) -> tuple[np.ndarray, np.ndarray]:
    """What of the polygons lies on the raster and is at least a pixel large, with the numbers of the features.

    expected: how many features of the layer should be on it.
    """
    corners = [(0, 0), (geobox.width, 0), (geobox.width, geobox.height), (0, geobox.height)]
    outline = shapely.Polygon([geobox.transform * corner for corner in corners])
    shapely.prepare(outline)
    crossing = ~in_batches(lambda some: shapely.covers(outline, some), shapes).astype(bool)
    shapes[crossing] = in_batches(lambda some: shapely.intersection(some, outline), shapes[crossing])
    shapes, features = _taken_apart(shapes, features)
    inside = len(set(features.tolist()))
    if not inside:
        raise BadInput(
            f"No polygon of {layer.path} lies on the aerial raster, which covers "
            f"{_numbers(outline.bounds)}{_where(layer)}: check the layer's CRS, or choose another layer or raster."
        )
    if expected > inside:
        warn(notice("off_the_raster", outside=expected - inside, total=expected))
    large = shapely.area(shapes) >= abs(geobox.transform.determinant)
    if not large.any():
        raise BadInput("The polygons on the aerial raster are all smaller than one pixel: draw larger ones.")
    if not large.all():
        warn(notice("tiny_polygons", count=int((~large).sum())))
    return shapes[large], features[large]


def _where(layer: _Layer) -> str:
    if layer.bounds is None or not np.isfinite(layer.bounds).all():
        return ""
    crs = f" in {layer.crs}" if layer.crs is not None and layer.crs.to_epsg() else ""
    return f", while the layer {layer.name} covers {_numbers(layer.bounds)}{crs}"


def _no_class(job: FinetuneJob, all_empty: bool) -> BadInput:
    if all_empty:
        return BadInput(
            f"No polygon on the aerial raster has a value in the field {job.class_field}: fill it in, "
            "or choose another field.",
            "class_field",
        )
    return BadInput("The class map ignores all polygons on the aerial raster: map some to classes.", "class_map")


def _unreadable(path: str, error: Exception) -> BadInput:
    text = str(error)
    if "locked" in text.lower() or "busy" in text.lower():
        return BadInput(
            f"{path} is locked by a program that writes into it: save the edits there or close it, then try again."
        )
    if "not recognized" in text:
        return BadInput(f"{path} is no vector file: choose one with polygons, such as a GeoPackage.")
    return BadInput(f"{path} cannot be read ({' '.join(text.split())[:200]}): choose another file with polygons.")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _numbers(bounds: tuple[float, ...]) -> str:
    return " ".join(f"{value:.10g}" for value in bounds)
