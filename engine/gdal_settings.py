"""How GDAL is set in the engine's process: nothing of the environment changes what is read, nothing is fetched unasked.

To be done before rasterio is imported: GDAL reads these variables once, and threads of their own do not see what
`rasterio.Env` sets.
"""

from __future__ import annotations

import os
import re

# What may stay as it is set outside: where GDAL finds its own files, how it logs, and the way into the network.
_KEPT = re.compile(r"GDAL_(DATA|DRIVER_PATH|HTTP_.*|PROXY.*)|CPL_(TMPDIR|DEBUG|LOG.*|TIMESTAMP|CURL_.*|VSIL_CURL_.*)")
_OF_GDAL = re.compile(r"(GDAL|OGR|CPL|VRT|VSI|GTIFF|TIFF|JPEG|OPJ|NETCDF|HDF5|ZARR|SENTINEL2)_.*|USE_RRD|RASTERLITE_.*")
# Drivers that fetch what they show from elsewhere, or follow what a file says to it.
_FETCHING = "WMS WMTS WCS HTTP EEDA EEDAI DAAS PLMOSAIC STACIT STACTA"
_OURS = {
    "GDAL_SKIP": _FETCHING,
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE": "SIBLING_OR_CHILD_OF_VRT_PATH",
}
# For a raster at an address: a server that neither answers nor sends a byte fails the request after so many seconds.
# GDAL itself would wait for ever.
_UNLESS_SET = {
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1",
    "GDAL_HTTP_LOW_SPEED_TIME": "15",
}


def settle_gdal() -> None:
    """Sets the process's environment for GDAL."""
    for name in [name for name in os.environ if _OF_GDAL.fullmatch(name) and not _KEPT.fullmatch(name)]:
        del os.environ[name]
    os.environ.update(_OURS)
    for name, value in _UNLESS_SET.items():
        os.environ.setdefault(name, value)
