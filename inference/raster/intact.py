"""Whether the files of a raster are there and whole: looked at before any work, by headers alone."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from html import unescape
from typing import BinaryIO

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from ...contract.errors import BadInput

RASTERS = (".tif", ".tiff", ".jp2", ".j2k", ".vrt", ".ecw", ".sid", ".img")  # endings of files that may be tiles

_TIFF = (".tif", ".tiff")
JPEG_2000 = (".jp2", ".j2k")
_MOST_VRT_BYTES = 64 * 2**20  # a VRT of 10,000 tiles of four bands has about 20 MB
_SOURCES = re.compile(r"<(?:SourceFilename|SourceDataset)\b([^>]*)>([^<]*)</")
# In what a virtual raster is made of: an address, or a path of GDAL's that leads into the network.
_ADDRESS = re.compile(r"(?<=>)[^<>]*(?:\b(?:https?|ftp|s3|gs)://|/vsi(?:curl|s3|gs|az|adls|oss|swift|webhdfs)\b)[^<>]*")
_OFFSETS = {273: 279, 324: 325}  # TIFF tags of where strips or tiles begin, and those of how long they are
_NUMBERS = {3: "u2", 4: "u4", 16: "u8"}  # TIFF types


def files_of(path: str) -> tuple[str, ...]:
    """A raster's path and, where it is a virtual raster, the files that it is made of, however deep."""
    found: dict[str, None] = {}
    _collect(path, found)
    return tuple(found)


def check_intact(path: str, what: str) -> None:
    """Raises BadInput, naming the file, where one that a raster is made of is missing, empty or cut off.

    what: names the raster in the sentence, as ``The aerial raster``. Files that are no TIFF, JPEG 2000 or VRT count
    as whole.
    """
    check_nothing_elsewhere(path, what)
    for file in files_of(path):
        if file == path:
            name = f"{what} {path}"
        else:
            name = f"The file {file}, of which {what[:1].lower()}{what[1:]} {path} is made,"
        if not os.path.exists(file):
            if file != path:
                raise BadInput(f"{name} does not exist: put it there, or make the virtual raster anew.")
            continue  # a connection of GDAL's, or for `open_raster` to say
        if not os.path.isfile(file):
            continue
        if not os.path.getsize(file):
            raise BadInput(f"{name} is empty, of 0 bytes: copy or download it again.")
        if _is_cut(file):
            raise BadInput(f"{name} is truncated: it ends before its pixels do; copy or download it again.")
        if file != path:
            try:
                rasterio.open(file).close()
            except RasterioError as error:
                raise BadInput(f"{name} cannot be read as a raster ({one_line(error)}): put it right.") from None


def is_sparse(path: str) -> bool:
    """Whether a TIFF has strips or tiles that were never written; the header is looked at."""
    if not path.lower().endswith(_TIFF) or not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return _look_at_tiff(file)[1]
    except (OSError, struct.error, KeyError, ValueError):
        return False


def check_nothing_elsewhere(path: str, what: str) -> None:
    """Raises BadInput where a virtual raster on the disk would have something fetched from the network.

    Whoever names an address wants what is there; whoever opens a file need not know that it holds one.
    """
    for file in files_of(path):
        if file.lower().endswith(".vrt") and os.path.isfile(file):
            with open(file, encoding="utf-8", errors="replace") as opened:
                address = _ADDRESS.search(opened.read(_MOST_VRT_BYTES))
            if address:
                raise BadInput(
                    f"{what} {path} would be fetched from elsewhere ({address[0][:100]}, in {file}): download what "
                    "it is made of, or give the address itself."
                )


def _collect(path: str, found: dict[str, None]) -> None:
    if path in found:
        return
    found[path] = None
    if path.lower().endswith(".vrt") and os.path.isfile(path):
        for source in _sources_in(path):
            _collect(source, found)


def _sources_in(path: str) -> Iterator[str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        return named_in(file.read(_MOST_VRT_BYTES), os.path.dirname(os.path.abspath(path)))


def named_in(text: str, folder: str = "") -> Iterator[str]:
    """The files that the text of a virtual raster names; no connections of GDAL's, no texts within.

    folder: what names are relative to that say that they are relative to the virtual raster.
    """
    for attributes, name in _SOURCES.findall(text):
        name = unescape(name).strip()
        if not name or name.startswith(("<", "/vsi")) or "://" in name or ":" in name[2:]:
            continue
        relative = re.search(r'relativeToVRT\s*=\s*["\']1', attributes, re.IGNORECASE)
        yield os.path.join(folder, name) if relative else name


def _is_cut(path: str) -> bool:
    ending = os.path.splitext(path)[1].lower()
    if ending not in _TIFF + JPEG_2000:
        return False
    try:
        with open(path, "rb") as file:
            end = _look_at_tiff(file)[0] if ending in _TIFF else _end_of_jpeg_2000(file)
    except (OSError, struct.error, KeyError, ValueError):  # for GDAL to say what is wrong with it
        return False
    return end > os.path.getsize(path)


def _read(file: BinaryIO, offset: int, form: str) -> tuple[int, ...]:
    """Numbers at a place of a file. Raises struct.error where it ends before them."""
    file.seek(offset)
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _look_at_tiff(file: BinaryIO) -> tuple[int, bool]:
    """Where the last strip or tile of a TIFF ends, of all of its pictures, in bytes from its start; and whether some
    were never written."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    order = {b"II": "<", b"MM": ">"}[file.read(2)]
    big = _read(file, 2, f"{order}H")[0] == 43
    entry_size, inline = (20, 8) if big else (12, 4)
    word = "Q" if big else "I"
    (directory,) = _read(file, 8 if big else 4, order + word)
    end, sparse, seen = 0, False, set()
    while directory and directory not in seen:
        seen.add(directory)
        (count,) = _read(file, directory, f"{order}{'Q' if big else 'H'}")
        first = directory + (8 if big else 2)
        arrays: dict[int, np.ndarray] = {}
        for number in range(count):
            at = first + number * entry_size
            tag, kind, length = _read(file, at, f"{order}HH{word}")
            if tag in _OFFSETS or tag in _OFFSETS.values():
                dtype = np.dtype(order + _NUMBERS[kind])
                place = at + entry_size - inline
                if length * dtype.itemsize > inline:
                    (place,) = _read(file, place, order + word)
                if place + length * dtype.itemsize > size:  # which may be too much to be read, where it is damaged
                    return place + length * dtype.itemsize, sparse
                file.seek(place)
                stored = file.read(length * dtype.itemsize)
                arrays[tag] = np.frombuffer(stored, dtype).astype(np.int64)
        for offsets, lengths in _OFFSETS.items():
            if offsets in arrays and lengths in arrays and len(arrays[offsets]):
                there = (arrays[offsets] > 0) & (arrays[lengths] > 0)  # others were never written
                sparse = sparse or not there.all()
                end = max(end, int((arrays[offsets] + arrays[lengths])[there].max(initial=0)))
        (directory,) = _read(file, first + count * entry_size, order + word)
    return end, sparse


def _end_of_jpeg_2000(file: BinaryIO) -> int:
    """Where the last tile-part of a JPEG 2000 file ends, in bytes from its start (ISO 15444-1, annexes A and I)."""
    size = file.seek(0, os.SEEK_END)
    start = _codestream(file, size)
    if start >= size:
        return start
    at = start + 2  # after the marker SOC
    while True:
        if at + 2 > size:
            return at + 2
        (marker,) = _read(file, at, ">H")
        if marker == 0xFFD9:  # EOC
            return at + 2
        if marker < 0xFF00:
            raise ValueError("no marker where one should be")
        if marker != 0xFF90:  # a segment of the header
            at += 2 + _read(file, at + 2, ">H")[0]
            continue
        if at + 12 > size:
            return at + 12
        (length,) = _read(file, at + 6, ">I")  # of the tile-part from its marker SOT on
        if not length:  # to the end of the codestream
            return size
        at += length
        if at == size:  # without EOC, as some write it
            return at


def is_one_strip(dataset: DatasetReader) -> bool:
    """Whether an open raster is a TIFF of one strip, which GDAL shows as rows but decodes from the first one on."""
    if dataset.driver != "GTiff" or dataset.block_shapes[0][0] > 1:
        return False
    # bands that are stored one after the other have a strip each, which are numbered on
    there = (dataset.get_tag_item(f"BLOCK_OFFSET_0_{row}", "TIFF", bidx=1) for row in range(dataset.height))
    return sum(map(bool, there)) <= dataset.count < dataset.height


def jpeg_2000_tile(path: str) -> tuple[int, int] | None:
    """(rows, columns) of the tiles of a JPEG 2000 file; None where it is none on the disk."""
    try:
        with open(path, "rb") as file:
            start = _codestream(file, file.seek(0, os.SEEK_END))
            marker, *_, columns, rows = _read(file, start + 2, ">HHH6I")[:9]  # SIZ: ISO 15444-1, A.5.1
    except (OSError, struct.error, ValueError):
        return None
    return (rows, columns) if marker == 0xFF51 else None


def _codestream(file: BinaryIO, size: int) -> int:
    """Where the codestream begins. Raises ValueError where there is none."""
    if _read(file, 0, ">I")[0] == 0xFF4FFF51:
        return 0
    at = 0
    while at + 8 <= size:
        length, kind = _read(file, at, ">I4s")
        header = 8
        if length == 1:
            length, header = _read(file, at + 8, ">Q")[0], 16
        if kind == b"jp2c":
            return at + header
        if length < header:  # 0: to the end of the file
            raise ValueError("a box without a length")
        at += length
    return at + 8 if at else 0


def one_line(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())
