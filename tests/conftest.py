"""What tests of several rooms share."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flair_landcover.tests.once import made_once, run_folder

# QGIS writes into its profile: a process of its own needs one of its own.
if "PYTEST_XDIST_WORKER" in os.environ and "QGIS_CUSTOM_CONFIG_PATH" in os.environ:
    os.environ["QGIS_CUSTOM_CONFIG_PATH"] += "-" + os.environ["PYTEST_XDIST_WORKER"]

# Files whose tests take longest, the longest first: a run begins with them, so that its processes end together,
# and `make test-fast` leaves them out.
LONG = (
    "tests/test_plugin.py",
    "tests/ui/finetune/test_window.py",
    "tests/ui/test_dock.py",
    "tests/ui/test_real_scenes.py",
    "tests/processing/test_finetune.py",
    "tests/ui/engine/test_window.py",
    "tests/runtime/test_client.py",
    "tests/runtime/test_install.py",
    "tests/processing/test_qgis_process.py",
    "tests/processing/test_fetcharea.py",
    "tests/test_package.py",
    "tests/ui/test_actions.py",
    "tests/ui/annotate/test_window.py",
    "tests/ui/form/test_window.py",
    "tests/ui/form/test_partner_window.py",
    "tests/ui/library/test_library_dialog.py",
    "tests/ui/run/test_run_queue.py",
    "tests/ui/run/test_task.py",
    "tests/ui/engine/test_engine_dialog.py",
    "tests/processing/test_background.py",
    "tests/finetune/test_finetune.py",
    "tests/research/test_train.py",
    "tests/research/test_bundle.py",
    "tests/finetune/test_domain.py",
    "tests/engine/test_cli.py",
    "tests/engine/test_worker.py",
    "tests/faults/test_faults.py",
    "tests/finetune/test_calls.py",
    "tests/inference/test_village_series.py",
    "tests/research/test_flair2.py",
    "tests/models/networks/test_checkpoints.py",
    "tests/models/networks/test_utt_from_unet.py",
    "tests/engine/test_hub.py",
    "tests/research/test_fit.py",
    "tests/models/test_published.py",
    "tests/models/test_bundled.py",
    "tests/research/test_publish.py",
    "tests/inference/test_segment.py",
    "tests/inference/test_malformed.py",
    "tests/finetune/test_trained_stages.py",
    "tests/models/networks/test_gated.py",
    "tests/research/test_distil.py",
    "tests/research/scenes/test_village.py",
    "tests/finetune/test_train.py",
    "tests/finetune/test_samples.py",
    "tests/inference/test_classes.py",
    "tests/inference/test_any_network.py",
    "tests/models/networks/test_torchvision_operators.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the long tests first and marks them as slow."""
    places = {file: place for place, file in enumerate(LONG)}

    def place(item: pytest.Item) -> int:
        return places.get(item.nodeid.partition("::")[0], len(places))

    for item in items:
        if place(item) < len(places):
            item.add_marker(pytest.mark.slow)
    items.sort(key=place)


def seen_in_window(tmp_path_factory, script: str, **settings: str) -> dict:
    """What `tests/window/SCRIPT.py` saw in a real QGIS window; skips where there is none."""
    pytest.importorskip("qgis.core", reason="needs QGIS's Python")
    from flair_landcover.tests import qgis_side

    return _seen(lambda: qgis_side.window_report(tmp_path_factory.getbasetemp(), script, **settings))


def _seen(look: Callable[[], dict]) -> dict:
    from flair_landcover.tests import qgis_side

    if not qgis_side.engine_python():
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    try:
        report = look()
    except LookupError as error:
        pytest.skip(f"no window to test in: {error}")
    assert report["errors"] == []
    return report


@pytest.fixture(scope="session")
def window(tmp_path_factory) -> dict:
    """The plugin in its menus, and a run in Processing's dialog; tests of several files ask for it."""

    def look(folder: Path) -> None:
        seen = seen_in_window(tmp_path_factory, "processing_dialog")
        (folder / "seen.json").write_text(json.dumps(seen), encoding="utf-8")

    folder = made_once(run_folder(tmp_path_factory.getbasetemp()) / "window", look)
    return json.loads((folder / "seen.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def story(tmp_path_factory) -> dict:
    """An analyst's session with the dock."""
    return seen_in_window(tmp_path_factory, "story")


@pytest.fixture(scope="session")
def fetching(tmp_path_factory) -> dict:
    """Web layers whose area is fetched and mapped."""
    return seen_in_window(tmp_path_factory, "fetch", size="1024")


@pytest.fixture(scope="session")
def with_series(tmp_path_factory) -> dict:
    """A map with a year of Sentinel-2, and what that changed."""
    return seen_in_window(tmp_path_factory, "series")


@pytest.fixture(scope="session")
def with_pairs(tmp_path_factory) -> dict:
    """The two real pairs of an aerial tile and its series, mapped with the dock."""
    pytest.importorskip("qgis.core", reason="needs QGIS's Python")
    from flair_landcover.tests import qgis_side

    base = tmp_path_factory.getbasetemp()
    return _seen(lambda: qgis_side.window_report(base, "pairs", size="1024", pairs=str(qgis_side.pairs(base))))


@pytest.fixture(scope="session")
def startup(tmp_path_factory) -> dict:
    """The plugin switched on in a QGIS that had it off."""
    from flair_landcover.tests import qgis_side

    return _seen(lambda: qgis_side.startup_report(tmp_path_factory.getbasetemp()))


@pytest.fixture(scope="session")
def loads(tmp_path_factory) -> dict:
    """The plugin loaded and unloaded twenty times."""
    return seen_in_window(tmp_path_factory, "loads")


@pytest.fixture(scope="session")
def closing(tmp_path_factory, request) -> dict:
    """QGIS ended in the middle of a run; parametrized with how."""
    return seen_in_window(tmp_path_factory, "closing", ending=request.param)


@pytest.fixture(scope="session")
def finetuning(tmp_path_factory) -> dict:
    """Polygons that become a model, which maps."""
    return seen_in_window(tmp_path_factory, "finetune", size="1024")


@pytest.fixture(scope="session")
def installing(tmp_path_factory) -> dict:
    """An empty profile, a folder of real wheels, and a first map."""
    pytest.importorskip("qgis.core", reason="needs QGIS's Python")
    from flair_landcover.tests import qgis_side
    from flair_landcover.tests.runtime.wheels import pack_environment

    if not qgis_side.engine_python():
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    wheels = pack_environment(qgis_side.engine_python(), tmp_path_factory.mktemp("wheels"))
    try:
        return seen_in_window(tmp_path_factory, "engine", engine="none", wheels=str(wheels), size="1024")
    finally:
        shutil.rmtree(wheels)
