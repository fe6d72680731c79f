"""What has to be made of an aerial raster before its windows are read: where it has data, and a copy in tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import rasterio

from ..contract.errors import BadInput, Cancelled, about
from ..contract.notices import Stage, stage
from .raster.validity import with_validity, write_validity
from .raster.working_folder import WorkingFolder
from .resolve import Inputs

_VALIDITY = "validity.tif"
Progress = Callable[[Stage], None]


@contextmanager
def made_ready(inputs: Inputs, beside: Path, progress: Progress, cancelled: Callable[[], bool]) -> Iterator[Inputs]:
    """The inputs with an aerial raster that can be read window by window; what is made for it goes at the end.

    beside: what the job writes; temporary files are made in a hidden folder there. progress: takes what is done
    at the moment. Raises BadInput where the raster cannot be read or the files cannot be written, Cancelled.
    """
    aerial = inputs.aerial
    if not aerial.fills and aerial.coverage is None:
        yield inputs
        return

    def following(share: float) -> None:
        if cancelled():
            raise Cancelled
        progress(stage("following_collar", percent=int(100 * share)))

    with _working_folder(beside) as working:
        with about("input"):
            path = working.path / _VALIDITY
            with rasterio.open(aerial.readable) as dataset:
                write_validity(dataset, aerial.fills, aerial.coverage, path, following)
                readable = with_validity(dataset, path)
        yield replace(inputs, aerial=replace(aerial, readable=readable, needs_alpha=True))


def _working_folder(beside: Path) -> WorkingFolder:
    try:
        return WorkingFolder(beside.parent, f"{beside.name}.image")
    except OSError as error:
        raise BadInput(
            f"Temporary files cannot be written to the folder {beside.parent} ({error.strerror}): choose another one.",
            "output",
        ) from None
