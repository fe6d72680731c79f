"""What is done when a Qt object is deleted."""

from __future__ import annotations

import gc

import pytest

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject

from flair_landcover.tests.qgis_application import qgis_application
from flair_landcover.ui.widgets.ends import when_destroyed


@pytest.fixture(autouse=True)
def application():
    qgis_application()


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
