"""What the engine answers where it looks and makes nothing: about itself, an image, a series, polygons, models."""

from __future__ import annotations

from dataclasses import dataclass, field

from .cards import ModelCard
from .finetuning import AnnotatedClass
from .notices import Notice
from .plain import Plain

# What is told of a date of a series; see `SeriesDate`.
REJECTED, CLOUDY, CLEAR, UNKNOWN = "rejected", "cloudy", "clear", "unknown"

# What a model comes as; see `Recognised`.
PACKAGE, FOLDER, CHECKPOINT = "package", "folder", "checkpoint"


@dataclass(frozen=True)
class Device(Plain):
    """What a network can run on. id: as `ImageSettings.device` names it. name: for the user."""

    id: str
    name: str


@dataclass(frozen=True)
class Hello(Plain):
    """Who answers.

    versions: of plugin, python, torch, rasterio and smp (segmentation-models-pytorch). devices: the fastest first.
    folder: of the code that runs. executable: of the Python that runs it.
    """

    versions: dict[str, str]
    devices: tuple[Device, ...]
    folder: str
    executable: str


@dataclass(frozen=True)
class Forecast(Plain):
    """What a job would do.

    tiles: that the run predicts. width, height: of the map in pixels of pixel_m metres.
    area_m2: of what is to be mapped: inside the raster, the extent and the mask. bands: band numbers by role.
    largest_bytes: what all outputs together take at most.
    """

    warnings: list[Notice]
    tiles: int
    width: int
    height: int
    area_m2: float
    pixel_m: float
    bands: dict[str, int]
    largest_bytes: int


@dataclass(frozen=True)
class AerialDescription(Plain):
    """What an aerial raster holds.

    count: of bands. descriptions: of each band, None where it has none. bands: band numbers by role, as the text says
    or as guessed where it is empty. pixel_m: the larger pixel size in metres. width, height: in pixels.
    pictures: a grey picture of each of the first bands by its number, a PNG in base64, transparent where nodata.
    findings: what is told of the image. readable: what GDAL opens for the image alone, without an infrared one: its
    path, or the text of a virtual raster of its tiles. files: rasters of which it is made.
    """

    count: int
    descriptions: tuple[str | None, ...]
    bands: dict[str, int]
    pixel_m: float
    width: int
    height: int
    pictures: dict[int, str]
    findings: list[Notice] = field(default_factory=list)
    readable: str = ""
    files: int = 1


@dataclass(frozen=True)
class SeriesDate(Plain):
    """A date of a Sentinel-2 series over an extent.

    date: ISO. clear: share 0..1 of the extent without cloud and snow, None where there is no mask. state: `REJECTED`
    where clouds and snow cover half of the extent or more, or the date has nothing of it; `CLOUDY` where they cover so
    much of some superpatch in it that the model's rule drops the date there (see `inference.sentinel2.clouds`), or
    more than a twentieth of it all; `CLEAR` otherwise; `UNKNOWN` without a mask. name: of its acquisitions.
    """

    date: str
    clear: float | None
    state: str
    name: str = ""

    @property
    def month(self) -> int:
        """1..12."""
        return int(self.date[5:7])


@dataclass(frozen=True)
class SeriesOverview(Plain):
    """A Sentinel-2 series at a glance.

    kind: how it is stored. dates: ascending, each once. months: how many monthly means the dates make that are
    neither rejected nor left out.
    """

    kind: str
    dates: tuple[SeriesDate, ...]
    months: int
    warnings: list[Notice]


@dataclass(frozen=True)
class SummarisedClass(AnnotatedClass):
    """A class with polygons. warning: where there is too little to learn from."""

    warning: Notice | None


@dataclass(frozen=True)
class FieldValue(Plain):
    """A value of the field that holds the classes.

    value: as text. polygons: how many have it. class_name: of the class that it means, empty where it is ignored.
    """

    value: str
    polygons: int
    class_name: str


@dataclass(frozen=True)
class SplitSummary(Plain):
    """How many polygons would be trained on and held out.

    note: on why none or not all classes are held out, if so. distance_m: metres between the two, None where none is
    held out.
    """

    training: int
    holdout: int
    note: Notice | None
    distance_m: float | None


@dataclass(frozen=True)
class AnnotationSummary(Plain):
    """What the polygons of a fine-tuning hold.

    classes: those with polygons, by value. values: of the field. ignored: polygons without a class.
    conflict_m2: where polygons of different classes overlap.
    """

    classes: tuple[SummarisedClass, ...]
    values: tuple[FieldValue, ...]
    ignored: int
    conflict_m2: float
    holdout: SplitSummary
    warnings: list[Notice]


@dataclass(frozen=True)
class InstalledModels(Plain):
    """The cards of the models of the library."""

    models: tuple[ModelCard, ...]


@dataclass(frozen=True)
class Recognised(Plain):
    """What an import of a file or folder would bring into the library.

    card: the card-to-be; its id gets a number where it is taken. size_bytes: of the model in the library.
    kind: `PACKAGE` (a zip), `FOLDER` or `CHECKPOINT`. path: the file or folder that it comes from.
    """

    card: ModelCard
    size_bytes: int
    kind: str
    path: str


@dataclass(frozen=True)
class KeptModel(Plain):
    """The card that a model has in the library."""

    card: ModelCard
