"""What every form of Sentinel-2 input is read as: dated acquisitions whose bands rasterio can open.

Standard library only. Nothing here holds pixels or open files.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
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
    nodata: digital number of missing pixels, None where there is none.
    offset: added to digital numbers, the sum clipped at 0 (Sentinel-2 baseline 04.00 and later: -1000).
    scale: what the sum is multiplied by to give reflectance x 10000.
    clouds, snow: probabilities of 0 to 100.
    classes: the scene classification (SCL) of Level-2A: 3 cloud shadow, 8, 9, 10 cloud, 11 snow, 0 no data;
        it counts as a probability of 100 where `clouds` or `snow` is None.
    """

    date: str
    name: str
    bands: tuple[Source, ...]
    nodata: float | None
    offset: float = 0.0
    scale: float = 1.0
    clouds: Source | None = None
    snow: Source | None = None
    classes: Source | None = None


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
