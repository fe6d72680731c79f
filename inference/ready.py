"""What has to be made of an aerial raster before its windows are read: where it has data, and a copy in tiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import rasterio

from ..contract.errors import BadInput, Cancelled, about
from ..contract.notices import Stage, stage
from .plan import overlap_of
from .raster.copies import Copy, copy_worth, write_copy
from .raster.validity import with_validity, write_validity
from .raster.windows import Window
from .raster.working_folder import WorkingFolder
from .resolve import Inputs

_COPY, _VALIDITY = "copy.tif", "validity.tif"
_MARGIN = 2  # pixels of the raster that resampling may look at beyond a tile
Progress = Callable[[Stage], None]


def planned_copy(inputs: Inputs) -> Copy | None:
    """The copy of the aerial raster that the job's run makes first, where that saves time."""
    aerial, grid, card = inputs.aerial, inputs.geobox, inputs.card
    whole = aerial.geobox.window
    across, down = (mine / its for mine, its in zip(grid.pixel_size, aerial.geobox.pixel_size))
    inside, reach = inputs.inside, card.tile_size
    read = Window.between(  # tiles reach beyond what is mapped
        math.floor((inside.column - reach) * across) - _MARGIN,
        math.floor((inside.row - reach) * down) - _MARGIN,
        math.ceil((inside.right + reach) * across) + _MARGIN,
        math.ceil((inside.bottom + reach) * down) + _MARGIN,
    ).shared(whole)
    window = whole if aerial.fills else read  # a collar is followed wherever it goes
    stride = (reach - overlap_of(reach)) * across
    return copy_worth(aerial.untiled, aerial.geobox.shape, window, reach * across, stride)


@contextmanager
def made_ready(inputs: Inputs, beside: Path, progress: Progress, cancelled: Callable[[], bool]) -> Iterator[Inputs]:
    """The inputs with an aerial raster that can be read window by window; what is made for it goes at the end.

    beside: what the job writes; temporary files are made in a hidden folder there. progress: takes what is done
    at the moment. Raises BadInput where the raster cannot be read or the files cannot be written, Cancelled.
    """
    aerial, copy = inputs.aerial, planned_copy(inputs)
    if copy is None and not aerial.fills and aerial.coverage is None:
        yield inputs
        return

    def copying(share: float) -> None:
        _go_on(cancelled)
        progress(stage("copying", percent=int(100 * share)))

    def following(share: float) -> None:
        _go_on(cancelled)
        progress(stage("following_collar", percent=int(100 * share)))

    with _working_folder(beside) as working:
        with about("input"):
            if copy is not None and aerial.untiled is not None:
                with rasterio.open(aerial.readable) as dataset:
                    write_copy(dataset, copy, aerial.untiled.block, working.path / _COPY, copying)
                aerial = replace(aerial, readable=str(working.path / _COPY))
            if aerial.fills or aerial.coverage is not None:
                path = working.path / _VALIDITY
                with rasterio.open(aerial.readable) as dataset:
                    write_validity(dataset, aerial.fills, aerial.coverage, path, following)
                    aerial = replace(aerial, readable=with_validity(dataset, path), needs_alpha=True)
        yield replace(inputs, aerial=aerial)


def _go_on(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled


def _working_folder(beside: Path) -> WorkingFolder:
    try:
        return WorkingFolder(beside.parent, f"{beside.name}.image")
    except OSError as error:
        raise BadInput(
            f"Temporary files cannot be written to the folder {beside.parent} ({error.strerror}): choose another one.",
            "output",
        ) from None
