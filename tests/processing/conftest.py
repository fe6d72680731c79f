"""What the tests of the Processing provider share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flair_landcover.tests import qgis_side
from flair_landcover.tests.qgis_application import qgis_application


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    """The folder of all that is made once a test run."""
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="session")
def model(base) -> Path:
    """A model folder with an untrained network."""
    if not qgis_side.engine_python():
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    return qgis_side.untrained_model(base)


@pytest.fixture(scope="session")
def aerial(tmp_path_factory) -> Path:
    """200 x 200 pixels of 0.2 m, one tile, five bands."""
    return qgis_side.write_aerial(tmp_path_factory.mktemp("aerial") / "aerial.tif")


@pytest.fixture(scope="session")
def long_aerial(tmp_path_factory) -> Path:
    """A raster of 64 tiles: a run that can be caught in the middle."""
    return qgis_side.write_aerial(tmp_path_factory.mktemp("long") / "aerial.tif", size=1100, bands=3)


@pytest.fixture(scope="session")
def program() -> str:
    return qgis_side.qgis_process_program() or pytest.skip("qgis_process is not installed")


@pytest.fixture(scope="session")
def qgis_process(program, base):
    """Runs qgis_process with the plugin enabled in a profile of its own."""
    environment = qgis_side.qgis_environment(base, "profile-command")

    def run(*arguments: str, folder: Path = base) -> subprocess.CompletedProcess:
        return subprocess.run(
            [program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )

    enabled = run("plugins", "enable", "flair_landcover")
    assert enabled.returncode == 0, enabled.stdout + enabled.stderr
    return run


@pytest.fixture(scope="session")
def application(base):
    """A QGIS without a window in this process, with its Processing plugin and the provider `flair`.

    Its settings and profile are the test run's own.
    """
    os.environ["QGIS_CUSTOM_CONFIG_PATH"] = str(base / "profile-inside")
    from qgis.core import QgsApplication

    app = qgis_application()
    # First: the checkout has a folder `processing` too, and `python -m pytest` looks there.
    sys.path.insert(0, QgsApplication.pkgDataPath() + "/python/plugins")
    from processing.core.Processing import Processing

    from flair_landcover.plugin import FlairLandCoverPlugin

    Processing.initialize()
    plugin = FlairLandCoverPlugin(None)
    plugin.initProcessing()
    yield app
    plugin.unload()
    Processing.deinitialize()


@pytest.fixture
def feedback(application):
    """A feedback that keeps what it is told."""
    from qgis.core import QgsProcessingFeedback

    class Recorder(QgsProcessingFeedback):
        def __init__(self) -> None:
            super().__init__(False)
            self.errors: list[str] = []
            self.warnings: list[str] = []
            self.texts: list[str] = []
            self.infos: list[str] = []

        def reportError(self, error, *_) -> None:
            self.errors.append(error)

        def pushWarning(self, warning) -> None:
            self.warnings.append(warning)

        def pushInfo(self, info) -> None:
            self.infos.append(info)

        def setProgressText(self, text) -> None:
            self.texts.append(text)

    return Recorder()


@pytest.fixture
def segment(application, model, feedback):
    """Runs `flair:segment` as scripts do, with the untrained model and `feedback`."""
    import processing

    def run(**parameters) -> dict:
        values = {name: str(v) if isinstance(v, Path) else v for name, v in parameters.items()}
        return processing.run(
            "flair:segment", {"MODEL": str(model), "PRECISION": "fp32", "DEVICE": "cpu", **values}, feedback=feedback
        )

    return run
