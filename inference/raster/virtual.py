"""Texts of virtual rasters (GDAL's VRT): rasters made of parts of others, which GDAL opens like a path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from affine import Affine

from .windows import Window

TYPES = {
    "uint8": "Byte",
    "int8": "Int8",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "float32": "Float32",
    "float64": "Float64",
}


@dataclass(frozen=True)
class Source:
    """A band of another raster, or a part of it, as a part of a virtual band.

    readable: path of the raster, or the text of a virtual one. band: its number, or ``mask,1`` for where band 1 has
    data. window: of it; None: the whole of a raster of the virtual one's size. place: (column, row) of the window's
    upper left pixel in the virtual raster. properties: (rows, columns) of the raster, the numpy name of the band's
    type and (rows, columns) of its blocks; where they are said, the raster is opened only when it is read.
    hidden: the value that lets what lies beneath be seen. masked: whether places where it has no data do.
    options: to open the raster with. table: ``value:becomes`` for each of its whole numbers, with commas, or "".
    """

    readable: str
    band: int | str = 1
    window: Window | None = None
    place: tuple[int, int] = (0, 0)
    properties: tuple[tuple[int, int], str, tuple[int, int]] | None = None
    hidden: float | None = None
    masked: bool = False
    options: tuple[tuple[str, str], ...] = ()
    table: str = ""

    def text(self) -> str:
        """The element."""
        kind = "ComplexSource" if self.masked or self.hidden is not None or self.table else "SimpleSource"
        options = "".join(f'<OOI key="{key}">{escape(value)}</OOI>' for key, value in self.options)
        # not shared: two threads that read one virtual raster, each with a handle of its own, share none beneath
        parts = (
            f'<SourceFilename relativeToVRT="0" shared="0">{escape(self.readable)}</SourceFilename>',
            _element("OpenOptions", options),
            f"<SourceBand>{self.band}</SourceBand>",
            self._properties(),
            self._rectangles(),
            "<UseMaskBand>true</UseMaskBand>" if self.masked else "",
            "" if self.hidden is None else f"<NODATA>{self.hidden!r}</NODATA>",
            _element("LUT", self.table),
        )
        return f"<{kind}>{''.join(parts)}</{kind}>"

    def _properties(self) -> str:
        if self.properties is None:
            return ""
        (rows, columns), dtype, (block_rows, block_columns) = self.properties
        return (
            f'<SourceProperties RasterXSize="{columns}" RasterYSize="{rows}" DataType="{TYPES[dtype]}" '
            f'BlockXSize="{block_columns}" BlockYSize="{block_rows}"/>'
        )

    def _rectangles(self) -> str:
        if self.window is None:
            return ""
        column, row, width, height = self.window
        size = f'xSize="{width}" ySize="{height}"'
        x, y = self.place
        return f'<SrcRect xOff="{column}" yOff="{row}" {size}/><DstRect xOff="{x}" yOff="{y}" {size}/>'


@dataclass(frozen=True)
class Band:
    """A band of a virtual raster.

    dtype: numpy's name of its type. sources: later ones lie over earlier ones. nodata, colour (GDAL's name of its
    interpretation), description, bits (NBITS): as of any band. function: of GDAL's, that makes pixels of the sources'.
    """

    dtype: str
    sources: Sequence[Source] = ()
    nodata: float | None = None
    colour: str = ""
    description: str = ""
    bits: str = ""
    function: str = ""

    def text(self, number: int | None) -> str:
        """The element; number: from 1, None for a mask. Raises KeyError for a type that GDAL does not have."""
        place = "" if number is None else f' band="{number}"'
        derived = ' subClass="VRTDerivedRasterBand"' if self.function else ""
        bits = f'<Metadata domain="IMAGE_STRUCTURE"><MDI key="NBITS">{self.bits}</MDI></Metadata>' if self.bits else ""
        parts = (
            _element("Description", escape(self.description)),
            bits,
            nodata_text(self.nodata),
            _element("ColorInterp", self.colour),
            _element("PixelFunctionType", self.function),
            *(source.text() for source in self.sources),
        )
        return f'<VRTRasterBand dataType="{TYPES[self.dtype]}"{place}{derived}>{"".join(parts)}</VRTRasterBand>'


def of_bands(shape: tuple[int, int], crs_wkt: str, transform: Affine, bands: Iterable[Band], mask: Band | None) -> str:
    """A raster of so many (rows, columns). mask: of where it has data, 255, else 0; None: as its bands say."""
    texts = [band.text(number) for number, band in enumerate(bands, start=1)]
    if mask is not None:
        texts.append(f"<MaskBand>{mask.text(None)}</MaskBand>")
    return of_texts(shape, crs_wkt, transform, texts)


def of_texts(shape: tuple[int, int], crs_wkt: str, transform: Affine, bands: Iterable[str]) -> str:
    """A raster of so many (rows, columns) whose bands are texts of their own."""
    return (
        f'<VRTDataset rasterXSize="{shape[1]}" rasterYSize="{shape[0]}">'
        f"{_element('SRS', escape(crs_wkt, quote=False))}"
        f"<GeoTransform>{','.join(repr(float(value)) for value in transform.to_gdal())}</GeoTransform>"
        f"{''.join(bands)}</VRTDataset>"
    )


def constant(shape: tuple[int, int], value: int) -> str:
    """A raster of one uint8 band with one value everywhere: a band without sources shows its nodata."""
    return of_texts(shape, "", Affine.identity(), [Band("uint8", nodata=value).text(1)])


def nodata_text(value: float | None) -> str:
    """The element of a band's nodata, "" for None."""
    return "" if value is None else f"<NoDataValue>{value}</NoDataValue>"


def is_text(readable: str) -> bool:
    """Whether it is the text of a virtual raster and no path."""
    return readable.lstrip().startswith("<VRTDataset")


def _element(name: str, text: str) -> str:
    return f"<{name}>{text}</{name}>" if text else ""
