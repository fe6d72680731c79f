"""Opens rasters, and says in one sentence why one cannot be opened or read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import rasterio
from rasterio._err import CPLE_BaseError  # what GDAL's errors are raised as at a question; it has no public name
from rasterio.errors import CRSError, RasterioError
from rasterio.io import DatasetReader

from ...contract.errors import BadInput
from ...contract.files import why_no_file
from ...contract.going_on import go_on
from .geobox import is_place
from .intact import check_intact, one_line
from .virtual import is_text


def open_raster(path: str, what: str) -> DatasetReader:
    """Opens a raster for reading, or the text of a virtual one, which is of files that have been looked at.

    Raises BadInput, naming it as `what`, where that is not possible or a file that it is made of is missing or cut off;
    Cancelled where the job was stopped.
    """
    go_on()
    if is_text(path):
        return rasterio.open(path)
    if "://" not in path and not path.startswith("/vsi") and ":" not in path[2:] and not os.path.exists(path):
        raise BadInput(f"{what} {path} does not exist: choose an existing file.")
    reason = why_no_file(path)
    if reason:
        raise BadInput(f"{what} {path} {reason}.")
    check_intact(path, what)
    try:
        dataset = rasterio.open(path)
    except UnicodeEncodeError:  # Python's lone surrogates stand for bytes that are no UTF-8
        raise BadInput(f"{what} {path!r} has a name that is no UTF-8, which GDAL cannot open: rename it.") from None
    except RasterioError as error:
        raise BadInput(f"{what} {path} cannot be read as a raster ({one_line(error)}): choose another file.") from None
    if not is_place(dataset.transform):
        numbers = " ".join(f"{value:g}" for value in dataset.transform[:6])
        dataset.close()
        raise BadInput(f"{what} {path} has a georeference that is no place ({numbers}): georeference it anew.")
    return dataset


def unreadable(path: str, error: RasterioError) -> BadInput:
    """What to raise where a raster opens but some of its pixels cannot be read."""
    reason = one_line(error.__cause__ or error)  # rasterio's own words only point to the cause
    name = "The image" if is_text(path) else path  # the reason names the file of it that is at fault
    return BadInput(f"{name} cannot be read to its end ({reason}): copy or download it again.")


@contextmanager
def looking_at(name: str) -> Iterator[None]:
    """What is done inside looks at a raster: what no library can make anything of raises BadInput, which names it.

    A raster with a damaged header opens, and fails at any question after that: its CRS, its colours, its pixels.
    """
    try:
        yield
    except UnicodeError as error:
        raise BadInput(
            f"{name} has a name or a description that is no UTF-8 ({one_line(error):.100}), which cannot be read: "
            "write it anew with another program, or take the description out."
        ) from None
    except (RasterioError, CRSError, CPLE_BaseError) as error:
        reason = one_line(error.__cause__ or error)
        raise BadInput(f"{name} is damaged ({reason:.200}): copy or download it again.") from None
