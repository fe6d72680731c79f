"""What tests of several rooms share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def window(tmp_path_factory) -> dict:
    """What was seen in a real QGIS window."""
    pytest.importorskip("qgis.core", reason="needs QGIS's Python")
    from flair_landcover.tests import qgis_side

    if not qgis_side.engine_python():
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    try:
        report = qgis_side.window_report(tmp_path_factory.getbasetemp())
    except LookupError as error:
        pytest.skip(f"no window to test in: {error}")
    assert report["errors"] == []
    return report
