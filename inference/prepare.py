"""From raster pixels to network input: bands by role, 8 bits, the card's normalisation."""

from __future__ import annotations

import numpy as np

from ..contract.cards import ModelCard
from .raster.sample import stands_for_nothing


def are_numbers(pixels: np.ndarray, colours: list[int]) -> np.ndarray:
    """Where the colours of a picture are numbers and do not all stand for nothing, (rows, columns) bool.

    pixels: (bands, rows, columns), changed in place: what stands for nothing among fractions becomes 0. colours: the
    places among its bands that count.
    """
    nothing = stands_for_nothing(pixels)
    found = np.asarray(~np.all(nothing[colours], axis=0))
    if np.issubdtype(pixels.dtype, np.floating):
        found &= np.isfinite(pixels[colours]).all(axis=0)
        pixels[nothing] = 0
    return found


def to_8_bits(pixels: np.ndarray, stretch: list[tuple[float, float] | None]) -> np.ndarray:
    """Digital numbers of 8 bits as float32.

    pixels: (bands, rows, columns). stretch: for each band the values that become 0 and 255, or None
    where the band is on that scale already. Fractions on that scale, as averages of whole numbers that are stored as
    floats, are rounded as those of bytes are.
    """
    result = pixels.astype(np.float32)
    if np.issubdtype(pixels.dtype, np.floating):
        for band, limits in zip(result, stretch):
            if limits is None:
                np.floor(band + 0.5, out=band)
    for band, limits in zip(result, stretch):
        if limits is not None:
            low, high = limits
            band -= low
            band *= 255.0 / (high - low)
    return np.clip(result, 0.0, 255.0, out=result)


def heights_to_digital_numbers(metres: np.ndarray, card: ModelCard) -> np.ndarray:
    """Heights above ground in metres as the card's digital numbers, float32, clipped to 0..255."""
    return np.clip(np.round(metres / card.elevation_step_m), 0.0, 255.0).astype(np.float32)


def fill_invalid(pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Gives pixels without data the mean of their band over the tile, so that no false edge arises.

    pixels: (bands, rows, columns) float32, changed in place. valid: (rows, columns) bool, True somewhere.
    """
    if not valid.all():
        pixels[:, ~valid] = pixels[:, valid].mean(axis=1)[:, None]
    return pixels


def network_input(bands: dict[str, np.ndarray], card: ModelCard) -> np.ndarray:
    """The network's aerial input, (len(card.inputs), rows, columns) float32.

    bands: digital numbers of 8 bits by role, each (rows, columns) float32; a role that is missing is
    filled as the card says (`inference.check` has refused the roles that it cannot do without).
    """
    shape = next(iter(bands.values())).shape
    layers = np.empty((len(card.inputs), *shape), np.float32)
    for layer, role, mean, std in zip(layers, card.inputs, card.means, card.stds):
        layer[...] = (bands[role] / card.scale - mean) / std if role in bands else card.fill[role]
    return layers


def pad_to(layers: np.ndarray, size: int) -> np.ndarray:
    """Mirrors (bands, rows, columns) at its lower and right edge up to `size` rows and columns."""
    rows, columns = size - layers.shape[-2], size - layers.shape[-1]
    if rows <= 0 and columns <= 0:
        return layers
    return np.pad(layers, ((0, 0), (0, max(0, rows)), (0, max(0, columns))), mode="symmetric")
