"""Who may import whom: the rooms of the design, checked in the source and by importing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from flair_landcover.runtime.environment import Engine, child_environment, worker_command
from flair_landcover.tests import rooms
from flair_landcover.tests.conftest import LONG

STANDARD = set(getattr(sys, "stdlib_module_names", ())) | {"__future__"}
QT = {"qgis", "processing"}
ENGINE_LIBRARIES = {
    "torch",
    "torchvision",
    "rasterio",
    "segmentation_models_pytorch",
    "filelock",
    "safetensors",
    "tqdm",
    "affine",
    "pyogrio",
    "shapely",
    "huggingface_hub",
}
ENGINE = ENGINE_LIBRARIES | {"numpy"}

# The three columns of the house, each from the top down: a room imports from those above it in its
# column and from `contract` and `models`, which both sides read, alone.
BOTH = ["contract", "models"]
QGIS_SIDE = ["runtime", "layers", "processing", "ui/widgets", "ui/tasks", "ui/canvas"]
FEATURES = ["ui/form", "ui/run", "ui/result", "ui/annotate", "ui/finetune", "ui/library", "ui/engine"]
ENGINE_SIDE = [
    "models/networks",
    "inference/raster",
    "inference/sentinel2",
    "inference/backends",
    "inference",
    "evaluation",
    "finetune",
    "engine",
]
QGIS_ROOMS = [*QGIS_SIDE, *FEATURES, "ui", "plugin", "__init__"]
ENGINE_ROOMS = [*ENGINE_SIDE, "__main__"]
RESEARCH = ["research/scenes", "research"]

ARROWS = rooms.graph()
ROOMS = sorted({rooms.room_of(module) for module in rooms.modules()})


def test_every_room_stands_in_the_plan_of_the_house():
    assert sorted([*BOTH, *QGIS_ROOMS, *ENGINE_ROOMS, *RESEARCH]) == ROOMS


def test_every_file_of_long_tests_is_there():
    assert [file for file in LONG if not (rooms.ROOT / file).is_file()] == []


def test_no_rooms_import_each_other_in_a_ring():
    assert rooms.cycle_in(ARROWS) == []


def test_a_ring_of_imports_would_be_found():
    assert rooms.cycle_in({"a": {"b": {"x.py"}}, "b": {"c": {"x.py"}}, "c": {"b": {"x.py"}}}) == ["b", "c", "b"]


@pytest.mark.parametrize("column", [BOTH, QGIS_ROOMS, ENGINE_ROOMS, RESEARCH], ids=lambda column: column[0])
def test_a_room_imports_none_below_it_in_its_column(column):
    for place, room in enumerate(column):
        assert not set(column[place + 1 :]) & set(ARROWS.get(room, ())), room


@pytest.mark.parametrize(
    "column, others",
    [(BOTH, [*QGIS_ROOMS, *ENGINE_ROOMS]), (QGIS_ROOMS, ENGINE_ROOMS), (ENGINE_ROOMS, QGIS_ROOMS)],
    ids=["both", "QGIS", "engine"],
)
def test_no_room_imports_one_of_the_other_sides_column(column, others):
    for room in column:
        assert not set(others) & set(ARROWS.get(room, ())), room


def test_no_product_room_imports_research():
    for room in [*BOTH, *QGIS_ROOMS, *ENGINE_ROOMS]:
        assert not set(RESEARCH) & set(ARROWS.get(room, ())), room


def test_features_of_the_dock_do_not_import_each_other():
    for feature in FEATURES:
        assert not set(FEATURES) & set(ARROWS.get(feature, ())), feature


def libraries_of(room: str) -> set[str]:
    """What else than the package and the standard library a room may import."""
    if room in BOTH or room in ("__init__", "__main__"):
        return set()
    if room in QGIS_ROOMS:
        return QT if room in ("runtime", "plugin") else QT | {"numpy", "osgeo"}  # QGIS brings both
    return ENGINE | {"PIL"} if room == "research" else ENGINE


@pytest.mark.parametrize("module", rooms.modules(), ids=str)
def test_a_module_imports_the_libraries_of_its_side_alone(module):
    allowed = libraries_of(rooms.room_of(module))
    for name in rooms.imports_of(module):
        library = name.split(".")[0]
        if not library:
            continue
        if STANDARD:
            assert library in allowed | STANDARD, f"{module} imports {name}"
        else:  # Python 3.9 does not say what its standard library holds
            assert library not in (QT | ENGINE) - allowed, f"{module} imports {name}"


@pytest.mark.parametrize("room", ENGINE_SIDE)
def test_importing_a_room_of_the_engine_imports_nothing_else(room):
    tree = ast.parse((rooms.ROOT / room / "__init__.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]


_IMPORT_ROOMS = """
import importlib, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Blocked())
for name in {modules!r}:
    importlib.import_module(name)
assert not {blocked!r} & set(sys.modules)
print("imported", len({modules!r}))
"""


# A widget in Processing's dialog builds on QGIS's own plugin `processing`, which QGIS has on its path.
_WITH_QGIS_PLUGINS = """
import sys
from qgis.core import QgsApplication

application = QgsApplication([], False)
sys.path.insert(0, QgsApplication.pkgDataPath() + "/python/plugins")
"""


def names_of(chosen: list[str]) -> list[str]:
    """Module names of rooms, as they are imported."""
    found = [
        ".".join(("flair_landcover", *module.with_suffix("").parts))
        for module in rooms.modules()
        if rooms.room_of(module) in chosen
    ]
    return [name[: -len(".__init__")] if name.endswith(".__init__") else name for name in found]


def test_the_qgis_side_is_importable_without_the_engines_libraries():
    pytest.importorskip("qgis.core", reason="needs QGIS's Python")
    modules = ["flair_landcover", *names_of([*BOTH[:1], *QGIS_ROOMS])]
    assert len(modules) > 80
    code = _WITH_QGIS_PLUGINS + _IMPORT_ROOMS.format(blocked=ENGINE_LIBRARIES, modules=modules)
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert run.stdout.split() == ["imported", str(len(modules))], run.stderr


def test_the_engine_is_importable_without_qgis():
    python = os.environ.get("FLAIR_LANDCOVER_PYTHON") or sys.executable
    command = worker_command(Engine(python, "the tests"))
    bootstrap = command[-1][: command[-1].index("from flair_landcover.engine.worker")]
    modules = names_of([*BOTH, *ENGINE_ROOMS])
    assert len(modules) > 60
    command[-1] = bootstrap + _IMPORT_ROOMS.format(blocked={"qgis", "PyQt5", "PyQt6", "osgeo"}, modules=modules)
    run = subprocess.run(command, env=child_environment(), capture_output=True, text=True, timeout=240)
    if "No module named 'torch'" in run.stderr:
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    assert run.stdout.split() == ["imported", str(len(modules))], run.stderr


def test_the_package_itself_loads_neither_qgis_nor_torch():
    code = "import sys, flair_landcover; print(sorted({'qgis', 'torch', 'rasterio'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.stdout.strip() == "[]", run.stderr
