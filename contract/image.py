"""What every job says of the image that it looks at, and how a job becomes JSON."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, TypeVar, cast

from .choices import BUNDLED, DEVICES, PRECISIONS
from .errors import BadInput, ProtocolError
from .plain import hints_of, read, shown

_DATED = re.compile(r"^(.+)@(\d{4}-\d{2}-\d{2})$", re.DOTALL)

# Settings of several texts, of which one may be given as it is.
_LISTS = ("input", "sentinel2", "leave_out")

_Job = TypeVar("_Job", bound="ImageJob")


def texts(given: str | Iterable[str] | None) -> tuple[str, ...]:
    """One text or several as a tuple, without the empty ones."""
    return tuple(text for text in ((given,) if isinstance(given, str) else given or ()) if text)


def dated_path(text: str) -> tuple[str, str]:
    """A path of a series without the date that stands behind its @, and that date as ISO; "" where there is none."""
    match = None if os.path.exists(text) else _DATED.match(text)
    return (match[1], match[2]) if match else (text, "")


@dataclass(frozen=True)
class ImageSettings:
    """Which image is looked at, with what beside it, by which model and on what.

    input: paths of the aerial image: of one raster, of a folder of tiles or an index of them, or of several tiles that
        are one image. One path may be given as it is; it becomes a tuple of one.
    crs: of the aerial image, as an authority's code such as ``EPSG:2154`` or as WKT, where its files have none or
        not the right one; empty: as the files say.
    bands: band numbers by role, such as ``R=1 G=2 B=3 NIR=4 ELEVATION=5``; empty: found out by band
        descriptions, else by the file's name and what the bands look like, else by position.
    infrared: path of a colour infrared image of the same place, whose near infrared (the band described so, else the
        first) is used for the role nir.
    elevation: path of a raster of heights above ground in metres, used for the role elevation.
    terrain: path of a terrain model in metres; with it `elevation` is a surface model, and the height above
        ground is the difference of both where both have data. None: `elevation` is above ground already.
    sentinel2: paths of a Sentinel-2 series: of one raster, folder, product or data cube, or of several rasters of
        one date each. One path may be given as it is; it becomes a tuple of one. After a raster that does not say
        its date, or the wrong one, it can stand behind an @: ``clip.tif@2021-04-15``.
    leave_out: ISO dates of the series that are not to be used.
    model: id of an installed model, or the path of a model folder or checkpoint.
    device: one of `choices.DEVICES`. precision: one of `choices.PRECISIONS`.
    """

    input: tuple[str, ...]
    crs: str = ""
    bands: str = ""
    infrared: str | None = None
    elevation: str | None = None
    terrain: str | None = None
    sentinel2: tuple[str, ...] | None = None
    leave_out: tuple[str, ...] = ()
    model: str = BUNDLED
    device: str = DEVICES[0]
    precision: str = PRECISIONS[0]

    def __post_init__(self) -> None:
        object.__setattr__(self, "input", texts(self.input))
        object.__setattr__(self, "sentinel2", texts(self.sentinel2) or None)
        object.__setattr__(self, "leave_out", texts(self.leave_out))


@dataclass(frozen=True)
class ImageJob:
    """What all jobs have in common: an image, and one flat JSON object of their settings and the image's.

    REQUIRED: the settings that every job must say, each with what to tell where it does not.
    """

    image: ImageSettings

    REQUIRED: ClassVar[dict[str, str]] = {"input": "The job does not say its input: give a path."}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` gives the same job back."""
        values = asdict(self)
        return {**values.pop("image"), **values}

    @classmethod
    def from_dict(cls: type[_Job], values: dict[str, Any]) -> _Job:
        """The job that `to_dict` described.

        Raises BadInput where a name is unknown, a required one is missing or a value is of another type; the rest is
        for `job_values.check_values`.
        """
        of_image = {f.name for f in fields(ImageSettings)}
        own = {f.name for f in fields(cls)} - {"image"}
        unknown = sorted(set(values) - of_image - own)
        if unknown:
            raise BadInput(f"The job holds a setting that this version does not know: {unknown[0]}. Remove it.")
        for name, message in cls.REQUIRED.items():
            if not values.get(name):
                raise BadInput(message, name)
        hints = {**hints_of(ImageSettings), **hints_of(cast(Any, cls))}
        given = {name: _typed(name, hints[name], value) for name, value in values.items()}
        image = ImageSettings(**{name: value for name, value in given.items() if name in of_image})
        return cls(image, **{name: value for name, value in given.items() if name in own})


def _typed(name: str, hint: Any, value: Any) -> Any:
    """A value out of JSON as its type hint says. Raises BadInput, which names the setting, if it is of another."""
    if name in _LISTS and (value is None or isinstance(value, str)):
        value = texts(value)
    try:
        return read(hint, value, name)
    except ProtocolError:
        raise BadInput(f"The setting {name} is {shown(value)}, which it cannot be: correct it.", name) from None
