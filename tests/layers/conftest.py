"""What the tests of layers share: a QGIS, without its Processing."""

from __future__ import annotations

from pathlib import Path

import pytest

from flair_landcover.tests.qgis_application import qgis_application
from flair_landcover.tests.qgis_side import write_aerial


@pytest.fixture(scope="session")
def application():
    return qgis_application()


@pytest.fixture(scope="session")
def aerial(tmp_path_factory) -> Path:
    """200 x 200 pixels of 0.2 m, five bands."""
    return write_aerial(tmp_path_factory.mktemp("aerial") / "aerial.tif")
