"""The files that a job reads: no output may be one of them, and none may change while the job runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..contract.errors import BadInput
from ..contract.image import dated_path
from .raster.gather import stamps
from .raster.intact import files_of, named_in
from .raster.virtual import is_text
from .resolve import Inputs
from .sentinel2.series import Series

_QUOTED = re.compile(r'^\w+:"([^"]+)"')  # a subdataset, such as NETCDF:"cube.nc":B02
_IN_ZIP = re.compile(r"^/vsi(?:zip|tar|gzip)/+(.+?\.(?:zip|tar|tgz|gz))(?:/|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Sources:
    """Files by the setting that names them, and when each was changed and its size; see `raster.gather.stamps`."""

    files: dict[str, tuple[str, ...]]
    stamps: dict[str, tuple[tuple[int, int], ...]]

    def setting_of(self, path: str) -> str | None:
        """The setting one of whose files `path` is, by another name or through a link too; None where it is none."""
        identity = _identity(path)
        for setting, files in self.files.items():
            if any(_identity(file) & identity for file in files):
                return setting
        return None

    def check_unchanged(self) -> None:
        """Raises BadInput, which names the setting and the file, where one was changed, or is gone."""
        for setting, files in self.files.items():
            for file, before, now in zip(files, self.stamps[setting], stamps(files)):
                if before != now:
                    raise BadInput(
                        f"{file} was changed or removed during the run, so nothing of it can be trusted: see that "
                        "nothing writes to it, then run again.",
                        setting,
                    )


def files_read(inputs: Inputs) -> Sources:
    """The files of a checked job as they are now, those that virtual rasters and series are made of included."""
    image = inputs.job.image
    model = [inputs.model] if inputs.model.is_file() else sorted(inputs.model.glob("*.*"))
    given = (dated_path(path)[0] for path in image.sentinel2 or ())  # dates that are left out, too
    files = {
        "input": inputs.aerial.files,
        "infrared": files_of(image.infrared) if image.infrared else (),
        "elevation": files_of(image.elevation) if image.elevation else (),
        "terrain": files_of(image.terrain) if image.terrain else (),
        "sentinel2": (*filter(os.path.isfile, given), *_of_series(inputs.sentinel2)),
        "model": tuple(map(str, model)),
    }
    return Sources(files, {setting: stamps(paths) for setting, paths in files.items()})


def _of_series(series: Series | None) -> tuple[str, ...]:
    if series is None:
        return ()
    paths = {
        source.path
        for acquisition in series.acquisitions
        for source in (*acquisition.bands, acquisition.clouds, acquisition.snow, acquisition.classes)
        if source is not None
    }
    return tuple(sorted({file for path in paths for file in _behind(path)}))


def _behind(path: str) -> Iterator[str]:
    """The files on the disk of what rasterio opens: a raster, the text of a virtual one, a part of a file."""
    if is_text(path):
        for name in named_in(path):
            yield from _behind(name)
        return
    inside = _QUOTED.match(path) or _IN_ZIP.match(path)
    if inside is not None:
        yield inside[1]
    elif os.path.exists(path):
        yield from files_of(path)


def _identity(path: str) -> set[object]:
    """What two names of one file have in common: where it really lies, and its place on the disk if it is there."""
    names: set[object] = {os.path.normcase(os.path.realpath(path))}
    try:
        status = os.stat(path)
    except OSError:
        return names
    return names | ({(status.st_dev, status.st_ino)} if status.st_ino else set())
