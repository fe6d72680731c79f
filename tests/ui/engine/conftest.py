"""What the tests of the engine's window share: a QGIS with an empty profile and made-up wheels."""

from __future__ import annotations

import os
import time

import pytest

from flair_landcover.tests.qgis_application import qgis_application
from flair_landcover.tests.runtime.wheels import write_engine_wheels


def wait_for(condition, seconds: float = 120.0):
    """Handles events until the condition gives something true, which is returned."""
    from qgis.PyQt.QtTest import QTest

    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not come"
        QTest.qWait(20)


@pytest.fixture(scope="session")
def application():
    return qgis_application()


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """Made-up wheels of all that the engine asks for."""
    return write_engine_wheels(tmp_path_factory.mktemp("wheels"))


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Where the engine's environment belongs; nothing is there, and nothing else is chosen."""
    from flair_landcover.ui.engine import engine_dialog as dialog_module

    monkeypatch.delenv("FLAIR_LANDCOVER_PYTHON", raising=False)
    for name in list(os.environ):
        if name.upper().startswith("PIP_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "profile" / "engine"
    monkeypatch.setattr(dialog_module, "managed_folder", lambda: folder)
    from flair_landcover.runtime import environment

    monkeypatch.setattr(environment, "managed_folder", lambda: folder)
    return folder


@pytest.fixture
def dialog(application, folder):
    """The window, once it has looked at what is there."""
    from qgis.core import QgsSettings

    from flair_landcover.ui.engine.engine_dialog import EngineDialog

    QgsSettings().remove("flair_landcover")
    dialog = EngineDialog()
    dialog.show()
    wait_for(dialog.install_button.isEnabled)
    yield dialog
    dialog.shut()
    wait_for(lambda: not dialog.row.working() or dialog.isHidden())
    dialog.deleteLater()
    QgsSettings().remove("flair_landcover")
