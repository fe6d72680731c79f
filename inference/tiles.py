"""The network's input of any tile: all rasters of a job read in one geobox, prepared as the model's card says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..contract.errors import about
from .plan import Tile
from .predict import TileInput
from .prepare import are_numbers, fill_invalid, heights_to_digital_numbers, network_input, pad_to, to_8_bits
from .raster.heights import HeightReader, height_sources
from .raster.read import WindowReader, aerial_reader
from .raster.windows import Window
from .resolve import Inputs
from .sentinel2.superpatches import Superpatch, Superpatches


@dataclass(frozen=True)
class Tiles:
    """All rasters of a job, ready to give the network's input of any tile; `read_ahead` calls it in threads."""

    inputs: Inputs
    aerial: WindowReader
    heights: HeightReader | None
    terrain: HeightReader | None
    superpatches: Superpatches | None

    def __enter__(self) -> Tiles:
        return self

    def __exit__(self, *_: object) -> None:
        for reader in (self.aerial, self.heights, self.terrain):
            if reader is not None:
                reader.close()

    def tile_input(self, tile: Tile) -> TileInput:
        """Reads and prepares one tile of the plan."""
        aerial, valid = self.picture(tile.window)
        superpatch = None if aerial is None else self.superpatch(tile.window)
        if superpatch is None:
            return TileInput(tile, aerial, valid, None if aerial is None else self._padding())
        series = (superpatch.pixels, superpatch.days)
        return TileInput(tile, aerial, valid, series, superpatch.dates, superpatch.mirrored)

    def picture(self, window: Window) -> tuple[np.ndarray | None, np.ndarray]:
        """The aerial input of a window, and where it has data.

        window: of the geobox; it may reach past the raster to the right and below, where the picture is mirrored.
        Returns (inputs, rows, columns) float32, or None where there is no data at all, and (rows, columns) bool.
        Raises BadInput, which names the setting, where a raster cannot be read.
        """
        card, source = self.inputs.card, self.inputs.aerial
        held = window.shared(self.inputs.geobox.window)
        roles = [role for role in self.inputs.roles if not (role == "elevation" and self.heights)]
        numbers = [source.bands[role] for role in roles]
        with about("input"):
            pixels, inside = self.aerial.read(held, numbers)
        inside &= are_numbers(pixels, [place for place, role in enumerate(roles) if role != "elevation"])
        valid = np.zeros(window.shape, bool)
        valid[held.within(window)] = inside
        if not inside.any():
            return None, valid
        layers = fill_invalid(to_8_bits(pixels, [source.stretch.get(number) for number in numbers]), inside)
        bands = dict(zip(roles, layers))
        if self.heights is not None:
            bands["elevation"] = self._elevation(self.heights, held)
        elif "elevation" in bands:
            bands["elevation"] = np.round(bands["elevation"])  # metres of a band become whole steps, too
        return pad_to(network_input(bands, card), max(window.shape)), valid

    def superpatch(self, tile: Window) -> Superpatch | None:
        """The Sentinel-2 of a window of the model's tile size; None where there is none that can be used."""
        with about("sentinel2"):
            return self.superpatches.read(tile) if self.superpatches else None

    def _padding(self) -> tuple[np.ndarray, np.ndarray] | None:
        """A series of one padded date where the series has no pixel and the network cannot do without; else None."""
        satellite = self.inputs.card.satellite
        if satellite is None or not satellite.required:
            return None
        side = satellite.superpatch
        return np.zeros((1, len(satellite.bands), side, side), np.float32), np.zeros(1, np.float32)

    def _elevation(self, heights: HeightReader, window: Window) -> np.ndarray:
        with about("elevation"):
            metres, known = heights.read(window)
        if self.terrain is not None:
            with about("terrain"):
                ground, ground_known = self.terrain.read(window)
            metres, known = metres - ground, known & ground_known
        return heights_to_digital_numbers(np.where(known, metres, 0), self.inputs.card)


def open_tiles(inputs: Inputs) -> Tiles:
    """The rasters of a checked job, to be used in a `with`. Raises BadInput where one cannot be read."""
    geobox, job = inputs.geobox, inputs.job
    heights = terrain = superpatches = None
    if inputs.heights and job.image.elevation is not None:
        sources = height_sources(job.image, geobox, inputs.inside, lambda told: None)  # the check has told it
        heights = sources.surface.reader(geobox)
        terrain = sources.terrain.reader(geobox) if sources.terrain else None
    if inputs.sentinel2 is not None and inputs.card.satellite is not None:
        superpatches = Superpatches(inputs.sentinel2, inputs.card.satellite, geobox)
    return Tiles(inputs, aerial_reader(inputs.aerial, geobox), heights, terrain, superpatches)
