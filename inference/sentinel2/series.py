"""What every form of Sentinel-2 input is read as: dated acquisitions whose bands rasterio can open.

Nothing here holds pixels or open files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...contract.cards import SATELLITE_BANDS
from ..raster.geobox import GeoBox
from .bands import CLASSES, CLOUDS, SNOW

REFLECTANCE = 10_000.0  # digital numbers to a reflectance of 1, as Level-2A products and the published models have it

# What the offset of an acquisition rests on.
STATED = "stated"  # the metadata of the product that it is
NAMED = "named"  # metadata above, a name, a tag or a declaration, which may have outlived a conversion of the pixels
UNKNOWN = "unknown"


@dataclass(frozen=True)
class BandSource:
    """One band of something that rasterio opens.

    path: a file, a subdataset's name, a path under /vsizip/, or the text of a virtual raster.
    band: its number, from 1.
    """

    path: str
    band: int


@dataclass(frozen=True)
class Acquisition:
    """One date of a series, over one place.

    date: ISO, ``2021-04-15``. name: of the product or file, for the analyst and the provenance.
    bands: in the order of SATELLITE_BANDS; bands of 20 m keep their own grid until they are warped.
    geobox: where the first band lies. nodata: digital number of missing pixels, None where there is none.
    offset: added to digital numbers, the sum clipped at 0 (Sentinel-2 baseline 04.00 and later: -1000).
    scale: what the sum is multiplied by to give reflectance x 10000.
    clouds, snow: probabilities of 0 to 100.
    classes: the scene classification (SCL) of Level-2A: 3 cloud shadow, 8, 9, 10 cloud, 11 snow, 0 no data;
        it counts as a probability of 100 where `clouds` or `snow` is None.
    offset_basis: STATED, NAMED or UNKNOWN. scale_stated: whether something says the scale; else pixels tell (`values`).
    """

    date: str
    name: str
    bands: tuple[BandSource, ...]
    geobox: GeoBox
    nodata: float | None
    offset: float = 0.0
    scale: float = 1.0
    clouds: BandSource | None = None
    snow: BandSource | None = None
    classes: BandSource | None = None
    offset_basis: str = STATED
    scale_stated: bool = True

    @classmethod
    def of_roles(
        cls,
        date: str,
        name: str,
        sources: Mapping[str, BandSource],
        geobox: GeoBox,
        nodata: float | None,
        offset: float = 0.0,
        scale: float = 1.0,
        offset_basis: str = STATED,
        scale_stated: bool = True,
    ) -> Acquisition:
        """An acquisition of sources by band name and mask (see `bands`), all bands among them."""
        bands = tuple(sources[band] for band in SATELLITE_BANDS)
        clouds, snow, classes = (sources.get(mask) for mask in (CLOUDS, SNOW, CLASSES))
        digits = nodata, offset, scale
        return cls(date, name, bands, geobox, *digits, clouds, snow, classes, offset_basis, scale_stated)

    def mask(self, role: str) -> BandSource | None:
        """Clouds, snow or classes."""
        return {CLOUDS: self.clouds, SNOW: self.snow, CLASSES: self.classes}[role]

    def with_mask(self, role: str, source: BandSource | None) -> Acquisition:
        """With another source for clouds, snow or classes."""
        masks = {each: source if each == role else self.mask(each) for each in (CLOUDS, SNOW, CLASSES)}
        return replace(self, clouds=masks[CLOUDS], snow=masks[SNOW], classes=masks[CLASSES])


@dataclass(frozen=True)
class Series:
    """A time series as it was found.

    kind: ``raster``, ``folder``, ``product``, ``cube`` or ``flair``.
    acquisitions: ascending by date; several of one date (two orbits, neighbouring granules) are each kept.
    """

    kind: str
    acquisitions: tuple[Acquisition, ...]

    @property
    def dates(self) -> tuple[str, ...]:
        """The dates of the acquisitions, ascending, each once."""
        return tuple(sorted({acquisition.date for acquisition in self.acquisitions}))
