"""Who may import whom: the rooms of the design, checked in the source and by importing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flair_landcover.runtime.environment import Engine, child_environment, worker_command

ROOT = Path(__file__).parent.parent
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
STANDARD = set(getattr(sys, "stdlib_module_names", ())) | {"__future__"}

# What the modules of a room (a folder, or a module of the root) may import of the package, and of
# other libraries. `models` covers `models.cards`; a module's own room is always allowed.
# Beside the design's table: `inference.job`, which everyone who wants a map builds, imports the
# standard library and `inference.errors` alone; the same holds for a fine-tuning's job and class plan;
# `runtime.protocol` is written once for both sides.
QGIS_SIDE = {
    "models.nomenclature",
    "models.cards",
    "models.library",
    "models.package",
    "models.published",
    "inference.job",
    "inference.errors",
    "inference.sentinel2.dates",
    "training.finetune.job",
    "training.finetune.classes",
}
QT = {"qgis", "processing"}
ENGINE = ENGINE_LIBRARIES | {"numpy"}
ROOMS = {
    "__init__": ({"plugin"}, set()),
    "__main__": ({"inference"}, set()),
    "version": (set(), set()),
    "plugin": ({"ui", "processing", "runtime"}, {"qgis"}),
    "ui": ({"processing", "runtime", "version", *QGIS_SIDE}, QT | {"numpy"}),
    "processing": ({"runtime", *QGIS_SIDE}, QT | {"numpy"}),
    "runtime": (set(), {"qgis"}),
    "training": ({"inference", "models", "samples", "version"}, ENGINE | {"PIL"}),
    "samples": ({"models"}, ENGINE),
    "inference": ({"models", "version", "runtime.protocol"}, ENGINE),
    "models": ({"version"}, ENGINE),
}
# The engine's entry points reach the rooms above their own, inside the calls that need them alone.
ENTRIES = {"inference/worker.py": {"training.finetune"}, "inference/cli.py": {"training.finetune"}}
# Read by both Pythons: the standard library and each other alone.
PLAIN = [
    "models/nomenclature.py",
    "models/cards.py",
    "models/library.py",
    "models/package.py",
    "models/published.py",
    "inference/job.py",
    "inference/errors.py",
    "inference/sentinel2/dates.py",
    "training/finetune/job.py",
    "training/finetune/classes.py",
    "runtime/protocol.py",
    "runtime/errors.py",
]

MODULES = sorted(
    path.relative_to(ROOT)
    for room in ROOMS
    for path in ([ROOT / f"{room}.py"] if (ROOT / f"{room}.py").is_file() else (ROOT / room).rglob("*.py"))
)


def room_of(module: Path) -> str:
    return module.parts[0] if len(module.parts) > 1 else module.stem


def imports_of(module: Path) -> list[str]:
    """What a module imports, anywhere in it: `.models.cards` of the package, `torch.nn` of others."""
    found = []
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.append(node.module)
        elif isinstance(node, ast.ImportFrom):
            package = module.parts[:-1][: len(module.parts) - node.level]
            base = [*package, *(node.module.split(".") if node.module else [])]
            found += [module_or_parent([*base, alias.name]) for alias in node.names]
    return found


def module_or_parent(parts: list[str]) -> str:
    """`.a.b` for the name b in a, where b is a module, else `.a`."""
    path = ROOT.joinpath(*parts)
    return "." + ".".join(parts if path.with_suffix(".py").is_file() or path.is_dir() else parts[:-1])


def within(name: str, allowed: set[str]) -> bool:
    return any(name == each or name.startswith(each + ".") for each in allowed)


def test_no_python_file_of_the_package_lives_outside_the_rooms():
    others = {"tests", "benchmarks", "docs", "demo", "i18n", "build", "dist"}
    found = {
        path.relative_to(ROOT)
        for path in ROOT.rglob("*.py")
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    }
    assert {path for path in found if path.parts[0] not in others} == set(MODULES)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_imports_what_its_room_may(module):
    inner, outer = ROOMS[room_of(module)]
    inner = inner | ENTRIES.get(module.as_posix(), set())
    for name in imports_of(module):
        if name.startswith("."):
            assert within(name[1:], inner | {room_of(module)}), f"{module} imports {name}"
        elif STANDARD:
            assert within(name, outer | STANDARD), f"{module} imports {name}"
        else:  # Python 3.9 does not say what its standard library holds
            assert not within(name, (QT | ENGINE) - outer), f"{module} imports {name}"


@pytest.mark.parametrize("module", ENTRIES)
def test_an_entry_point_imports_the_rooms_above_inside_its_calls_alone(module):
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    above = {node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module}
    assert not {name for name in above if name.split(".")[0] == "training"}


@pytest.mark.parametrize("module", PLAIN)
def test_what_both_pythons_read_needs_the_standard_library_alone(module):
    for name in imports_of(Path(module)):
        if name.startswith("."):
            assert name[1:].replace(".", "/") + ".py" in PLAIN, f"{module} imports {name}"
        else:
            assert not within(name, QT | ENGINE), f"{module} imports {name}"


@pytest.mark.parametrize("room", ["models", "inference", "training", "training/finetune"])
def test_importing_a_room_of_the_engine_imports_nothing_else(room):
    tree = ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8"))
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


def names_of(*rooms: str) -> list[str]:
    """Module names of rooms, as they are imported."""
    found = [".".join(("flair_landcover", *m.with_suffix("").parts)) for m in MODULES if room_of(m) in rooms]
    return [name[: -len(".__init__")] if name.endswith(".__init__") else name for name in found]


def test_the_qgis_side_is_importable_without_the_engines_libraries():
    pytest.importorskip("qgis.core", reason="needs QGIS's Python")
    modules = ["flair_landcover", *names_of("plugin", "ui", "processing", "runtime")]
    assert len(modules) > 8
    code = _WITH_QGIS_PLUGINS + _IMPORT_ROOMS.format(blocked=ENGINE_LIBRARIES, modules=modules)
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert run.stdout.split() == ["imported", str(len(modules))], run.stderr


def test_the_engine_is_importable_without_qgis():
    python = os.environ.get("FLAIR_LANDCOVER_PYTHON") or sys.executable
    command = worker_command(Engine(python, "the tests"))
    bootstrap = command[-1][: command[-1].index("from flair_landcover.inference.worker")]
    modules = names_of("models", "inference", "training")
    assert len(modules) > 20
    command[-1] = bootstrap + _IMPORT_ROOMS.format(blocked={"qgis", "PyQt5", "PyQt6", "osgeo"}, modules=modules)
    run = subprocess.run(command, env=child_environment(), capture_output=True, text=True, timeout=240)
    if "No module named 'torch'" in run.stderr:
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    assert run.stdout.split() == ["imported", str(len(modules))], run.stderr


def test_the_package_itself_loads_neither_qgis_nor_torch():
    code = "import sys, flair_landcover; print(sorted({'qgis', 'torch', 'rasterio'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.stdout.strip() == "[]", run.stderr
