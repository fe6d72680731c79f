"""Connections that are undone."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject


def test_what_was_connected_is_undone_once_for_all(application):
    from flair_landcover.ui.widgets.connections import Connections

    heard = []
    source, connections = QObject(), Connections()
    connections.add(source, "objectNameChanged", heard.append)
    source.setObjectName("first")
    connections.close()
    connections.close()
    source.setObjectName("second")
    assert heard == ["first"]


def test_an_object_that_is_deleted_meanwhile_is_passed_over(application):
    from flair_landcover.ui.widgets.connections import Connections

    heard = []
    gone, left, connections = QObject(), QObject(), Connections()
    connections.add(left, "objectNameChanged", heard.append)
    connections.add(gone, "objectNameChanged", heard.append)
    sip.delete(gone)
    connections.close()
    left.setObjectName("name")
    assert heard == []
