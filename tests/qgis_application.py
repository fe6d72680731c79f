"""The one QgsApplication of a test run: Qt crashes sooner or later where it is destroyed and made again."""

from __future__ import annotations

import os

_kept = None  # for as long as Python lives, whatever the fixtures and tests that use it do


def qgis_application():
    """The QgsApplication of this process, able to make widgets; no screen is needed."""
    global _kept
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from qgis.core import QgsApplication

    if _kept is None:
        _kept = QgsApplication.instance() or QgsApplication([], True)
        _kept.initQgis()
    return _kept
