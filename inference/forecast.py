"""What a job would do: everything that its run checks and counts before the first tile, and nothing written."""

from __future__ import annotations

from collections.abc import Callable

from ..contract.answers import Forecast
from ..contract.errors import Cancelled
from ..contract.going_on import listening
from ..contract.notices import Notice
from ..contract.segmentation import SegmentationJob
from .check import check_job, outputs_of
from .mask import Mask
from .raster.read import gdal_settings
from .raster.write import finished_size
from .segment import planned_strips


def forecast(job: SegmentationJob, cancelled: Callable[[], bool]) -> Forecast:
    """Checks a job as `segment` does and counts what it would take.

    Raises BadInput, which names the setting, where the job cannot run; Cancelled once `cancelled` says so.
    """
    warnings: list[Notice] = []
    with gdal_settings(), listening(cancelled):
        inputs = check_job(job, warnings.append)
        geobox = inputs.geobox
        mask = Mask(job.mask, geobox)
        tiles = 0
        for strip in planned_strips(inputs, mask):
            if cancelled():
                raise Cancelled
            tiles += len(strip.reaches)
        area = mask.area_m2(inputs.window.shared(geobox.window))
    outputs = outputs_of(job, inputs.card).values()
    return Forecast(
        warnings=warnings,
        tiles=tiles,
        width=inputs.window.width,
        height=inputs.window.height,
        area_m2=area,
        pixel_m=max(geobox.pixel_size_m),
        bands=inputs.aerial.bands,
        largest_bytes=sum(finished_size(inputs.window, bands, bits) for _, bands, bits in outputs),
    )
