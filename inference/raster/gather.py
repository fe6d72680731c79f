"""The files of an aerial image, as one raster that can be opened: of a file, several, a folder of them, or an index."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ...contract.errors import BadInput, about
from ...contract.files import why_no_file
from ...contract.image import ImageSettings
from ...contract.notices import Notice, Warn, notice, warn_about
from ...contract.partner import infrared_among
from .geobox import Bounds
from .intact import RASTERS, files_of
from .mosaic import Header, differs, header_of, mosaic_of, named
from .open import open_raster
from .tile_index import is_index, tiles_in

_LEVELS = 5  # folders in a folder in which rasters are looked for where it holds none itself: as deep as BD ORTHO's
_COLOURS = 3  # bands of an image; a folder's rasters of fewer are looked at only where there are no others


@dataclass(frozen=True)
class Found:
    """The rasters that an image is made of, as they were found by their names.

    path: as messages name them. rasters: their paths. listed: those of a folder, of which some may be left out.
    files: all files on the disk, those of virtual rasters too.
    """

    path: str
    rasters: tuple[str, ...]
    listed: frozenset[str]
    files: tuple[str, ...]


@dataclass(frozen=True)
class Gathered:
    """An image that can be opened, of one file or of several.

    path: as messages name it. readable: what rasterio opens: the path, or the text of a virtual raster.
    files: on the disk, of which it is made. tiles: (path, bounds in its CRS) of each raster of several.
    infrared: the colour infrared image that goes with it, or None.
    """

    path: str
    readable: str
    files: tuple[str, ...]
    tiles: tuple[tuple[str, Bounds], ...] = ()
    infrared: Gathered | None = None


@dataclass(frozen=True)
class FoundImage:
    """The files of an image and of the colour infrared one that is given with it, or lies among its own.

    beside: whether the infrared rasters were found among the image's and were not given.
    """

    image: Found
    infrared: Found | None
    beside: bool

    @property
    def files(self) -> tuple[str, ...]:
        """All of them on the disk."""
        return self.image.files + (self.infrared.files if self.infrared else ())


def find(image: ImageSettings) -> FoundImage:
    """The files of a job's image, found by names alone. Raises BadInput where there are none."""
    with about("input"):
        found = _found(image.input)
    infrared = infrared_among(found.rasters)
    if infrared:
        colours = _of(found.path, [path for path in found.rasters if path not in infrared], found.listed)
        found, beside = colours, _of(_name(infrared), infrared, found.listed)
    if image.infrared is not None:
        with about("infrared"):
            given = _found((image.infrared,))
            among = infrared_among(given.rasters)  # where the folder of both is given
            return FoundImage(found, _of(given.path, among, given.listed) if among else given, False)
    return FoundImage(found, beside if infrared else None, bool(infrared))


def gather(found: FoundImage, warn: Warn) -> Gathered:
    """An image that can be opened. warn: takes what the user should know.

    Raises BadInput, which names the setting, where the files make none or one of them is not whole.
    """
    with about("input"):
        image = _gathered(found.image, "The aerial raster", warn_about("input", warn))
    if found.infrared is None:
        return image
    setting = "input" if found.beside else "infrared"
    if found.beside:
        beside = notice("infrared_beside", count=len(found.infrared.rasters), names=found.infrared.path)
        warn_about(setting, warn)(beside)
    with about(setting):
        infrared = _gathered(found.infrared, "The infrared image", _but_joined(warn_about(setting, warn)))
    return replace(image, infrared=infrared)


def _but_joined(warn: Warn) -> Warn:
    """A `warn` without the notice of how many rasters are one image, which is told of the image itself."""

    def told(found: Notice) -> None:
        if found.code != "tiles_joined":
            warn(found)

    return told


def stamps(files: Iterable[str]) -> tuple[tuple[int, int], ...]:
    """When each file was last changed, in nanoseconds, and its size in bytes; zeros for what is no file."""
    return tuple(_stamp(path) for path in files)


def _found(paths: Sequence[str]) -> Found:
    rasters: dict[str, None] = {}
    listed: set[str] = set()
    for path in paths:
        if os.path.isdir(path):
            inside = _rasters_in(path)
            if not inside:
                raise BadInput(
                    f"The folder {path} holds no raster ({', '.join(ending[1:] for ending in RASTERS)}): "
                    "choose a folder of tiles, or a raster."
                )
            listed.update(inside)
        elif why_no_file(path):
            raise BadInput(f"The image {path} {why_no_file(path)}.")
        elif is_index(path):
            inside = tiles_in(path)
        else:
            inside = [path]
        rasters.update(dict.fromkeys(inside))
    if not rasters:
        raise BadInput("The job does not say its input: give a path.", "input")
    return _of(paths[0] if len(paths) == 1 else _name(paths), list(rasters), listed)


def _of(path: str, rasters: Sequence[str], listed: Iterable[str]) -> Found:
    files = dict.fromkeys(file for raster in rasters for file in files_of(raster))
    return Found(path, tuple(rasters), frozenset(listed).intersection(rasters), tuple(files))


def _name(paths: Sequence[str]) -> str:
    return named([paths[0], *map(os.path.basename, paths[1:])])


def _rasters_in(folder: str, levels: int = _LEVELS) -> list[str]:
    """The rasters of a folder by name, without virtual ones of others of it; of its folders where it holds none."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise BadInput(f"The folder {folder} cannot be read ({error.strerror}): choose another one.") from None
    shown = [entry for entry in entries if not entry.name.startswith(".")]
    rasters = [entry.path for entry in shown if entry.name.lower().endswith(RASTERS) and entry.is_file()]
    if rasters or not levels:
        here = {os.path.realpath(path) for path in rasters}
        return [path for path in rasters if not here.intersection(map(os.path.realpath, files_of(path)[1:]))]
    return [path for entry in shown if entry.is_dir() for path in _rasters_in(entry.path, levels - 1)]


def _gathered(found: Found, what: str, warn: Warn) -> Gathered:
    """Rasters as one."""
    if len(found.rasters) == 1:
        (path,) = found.rasters
        open_raster(path, what).close()
        return Gathered(path, path, found.files)
    headers = [header_of(path, what) for path in found.rasters]
    headers = _fitting(headers, found, warn)
    if len(headers) == 1:
        path = headers[0].path
        return Gathered(path, path, files_of(path))
    mosaic = mosaic_of(headers, warn)
    files = dict.fromkeys(file for header in headers for file in files_of(header.path))
    return Gathered(found.path, mosaic.readable, tuple(files), mosaic.tiles)


def _fitting(headers: list[Header], found: Found, warn: Warn) -> list[Header]:
    """The rasters that are one image: all that were named, and of a folder's those of the kind that is most of them."""
    chosen = [header for header in headers if header.path not in found.listed]
    first = chosen[0] if chosen else _commonest(headers)
    fitting, others = [], []
    for header in headers:
        difference = differs(header, first)
        if not difference:
            fitting.append(header)
        elif header.path in found.listed:
            others.append(header)
        else:
            raise BadInput(
                f"The raster {header.path} {difference}, as {first.path} has: "
                "several files are one image only where they are of one kind; leave it out, or convert it."
            )
    unrelated = [header.name for header in others if not header.is_map]
    if unrelated:
        warn(notice("rasters_left_out", names=named(unrelated), first=first.name))
    return fitting


def _commonest(headers: Sequence[Header]) -> Header:
    """The first raster of the kind of which there are most."""
    kinds: list[list[Header]] = []
    for header in headers:
        for kind in kinds:
            if not differs(header, kind[0]):
                kind.append(header)
                break
        else:
            kinds.append([header])
    return max(kinds, key=lambda kind: (not kind[0].is_map, len(kind[0].dtypes) >= _COLOURS, len(kind)))[0]


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
