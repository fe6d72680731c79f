"""Connections and calls that end with the objects that they belong to."""

from __future__ import annotations

import gc

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject

from flair_landcover.ui.widgets.lifetime import Connections, when_destroyed


def test_what_was_connected_is_undone_once_for_all(application):
    heard = []
    source, connections = QObject(), Connections()
    connections.add(source, "objectNameChanged", heard.append)
    source.setObjectName("first")
    connections.close()
    connections.close()
    source.setObjectName("second")
    assert heard == ["first"]


def test_an_object_that_is_deleted_meanwhile_is_passed_over(application):
    heard = []
    gone, left, connections = QObject(), QObject(), Connections()
    connections.add(left, "objectNameChanged", heard.append)
    connections.add(gone, "objectNameChanged", heard.append)
    sip.delete(gone)
    connections.close()
    left.setObjectName("name")
    assert heard == []


pytest.importorskip("qgis.core", reason="needs QGIS's Python")


def test_it_is_done_once_when_the_object_is_deleted():
    done, watched = [], QObject()
    when_destroyed(watched, lambda: done.append(1))
    assert done == []
    sip.delete(watched)
    assert done == [1]


def test_it_is_done_where_nobody_but_qt_holds_the_object_and_garbage_was_collected():
    done, parent = [], QObject()

    class Holder(QObject):
        def __init__(self) -> None:
            super().__init__(parent)
            self.itself = self
            kept = [1]
            when_destroyed(self, lambda: done.extend(kept))

    Holder()
    gc.collect()
    sip.delete(parent)
    assert done == [1]
