"""What the form says of the image that is chosen in it."""

from __future__ import annotations

from dataclasses import dataclass

from qgis.core import QgsRasterLayer

from ..contract.image import ImageSettings


@dataclass(frozen=True)
class ChosenImage:
    """layer: None while none is chosen. with_infrared, with_series: whether a colour infrared image or a Sentinel-2
    series goes with it.

    settings: how it is looked at, by what model and where, as a job holds it; None where something is missing or
    wrong, which complaint says in a sentence for the user.
    """

    layer: QgsRasterLayer | None
    with_infrared: bool
    with_series: bool
    settings: ImageSettings | None
    complaint: str
