"""What the tests of the library's window share: a library of their own, with a model that a real engine reads."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from flair_landcover.contract.cards import digest_of, read_card, write_card
from flair_landcover.models.library import BUNDLED_FOLDER
from flair_landcover.runtime.environment import child_environment, engine_command
from flair_landcover.tests import qgis_side
from flair_landcover.tests.qgis_application import qgis_application

pytest.importorskip("qgis.core", reason="needs QGIS's Python")
from qgis.core import QgsSettings
from qgis.PyQt.QtCore import QEvent, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QMessageBox, QPushButton


def wait_for(condition, seconds: float = 180.0):
    """Handles events until the condition gives something true, which is returned."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come"
        QTest.qWait(20)
    return found


def press(button) -> None:
    """A click with the mouse, as an analyst can where the button is enabled."""
    assert button.isEnabled(), f"{button.text()} cannot be pressed"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def answer(dialog, text: str) -> None:
    """Answers the question that the window asks."""
    box = wait_for(lambda: next((b for b in dialog.findChildren(QMessageBox) if b.isVisible()), None))
    press(next(b for b in box.findChildren(QPushButton) if b.text().replace("&", "") == text))


@pytest.fixture(scope="session")
def application():
    return qgis_application()


@pytest.fixture
def library(application, tmp_path, monkeypatch) -> Path:
    """The folder of an empty library."""
    folder = tmp_path / "library"
    monkeypatch.setenv("FLAIR_LANDCOVER_MODELS", str(folder))
    return folder


def install(library: Path, name: str, **changes) -> Path:
    """A model folder in the library with a card alone: what there is to read, and nothing to run."""
    folder = library / name
    folder.mkdir(parents=True)
    card = json.loads((BUNDLED_FOLDER / "card.json").read_text(encoding="utf-8"))
    card.update({"id": name, "title": f"Our {name}", **changes})
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    (folder / "weights.safetensors").write_bytes(bytes(2000))
    return folder


@pytest.fixture
def open_dialog(library):
    """Makes the window of the library; keywords are its own."""
    from flair_landcover.ui.library.library_dialog import LibraryDialog

    QgsSettings().remove("flair_landcover")
    made = []

    def make(**settings) -> LibraryDialog:
        dialog = LibraryDialog(**settings)
        dialog.show()
        made.append(dialog)
        return dialog

    yield make
    for dialog in made:
        dialog.shut()
        wait_for(lambda d=dialog: not d.working())
        dialog.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory) -> Path:
    """A model folder with small made-up weights, as it may come from a colleague."""
    if not qgis_side.engine_python():
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    made = qgis_side.untrained_model(tmp_path_factory.getbasetemp())
    folder = tmp_path_factory.mktemp("from a colleague") / "small"
    shutil.copytree(made, folder)
    write_card(replace(read_card(folder), weights_digest=digest_of(folder / "weights.safetensors")), folder)
    return folder


_CHECKPOINT_CODE = """
import torch
from flair_landcover.contract.cards import ModelCard
from flair_landcover.models.networks.build import build_network

torch.manual_seed(0)
outputs = tuple(range(1, 14)) + (0,) * 6
card = ModelCard(id="x", title="x", architecture="smp:Unet:mit_b0", inputs=("red", "green", "blue"), means=(0.0,) * 3,
                 stds=(1.0,) * 3, fill={{}}, outputs=outputs)
weights = {{f"model.seg_model.{{name}}": value.half() if value.is_floating_point() else value
           for name, value in build_network(card).state_dict().items()}}
torch.save(weights, {path!a})
"""


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """A checkpoint as those of FLAIR-INC are, with a small encoder and made-up weights."""
    if not qgis_side.engine_python():
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    path = tmp_path_factory.mktemp("downloads") / "FLAIR-INC_rgb_15cl_small_weights.pth"
    command = engine_command(qgis_side.engine_python(), _CHECKPOINT_CODE.format(path=str(path)))
    subprocess.run(command, env=child_environment(), check=True, timeout=300)
    return path
