"""Finding a Python that can run the engine, and how to start the worker in it.

Nothing of the engine is imported here: QGIS's own Python reads this module.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess  # nosec B404 # runs the interpreter that the user chose, never through a shell
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import EngineNotFound
from .processes import NO_WINDOW

PYTHON_VARIABLE = "FLAIR_LANDCOVER_PYTHON"
PYTHON_SETTING = "flair_landcover/python"

# What the engine cannot start without, by the names that Python imports.
REQUIRED_MODULES = ("torch", "segmentation_models_pytorch", "rasterio", "safetensors", "pyogrio", "shapely")
MINIMUM_PYTHON = (3, 9)  # as in pyproject.toml

# A cold start of Python from a slow or remote disk, with room to spare.
_CHECK_TIMEOUT_S = 60

# Finding a module takes milliseconds, importing torch takes seconds. The answer is the last line:
# an interpreter's start-up files may print something before it.
_CHECK_CODE = """
import importlib.util, json, sys
missing = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]
print(json.dumps({"version": list(sys.version_info[:2]), "missing": missing}))
"""

# Registers the plugin's folder as the package, whatever the folder is called, before anything can
# import a version installed with pip. {folder} is an ASCII literal: it survives any locale.
_REGISTER = """
import importlib.util, os, sys
folder = {folder}
spec = importlib.util.spec_from_file_location(
    "flair_landcover", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder])
package = importlib.util.module_from_spec(spec)
sys.modules["flair_landcover"] = package
spec.loader.exec_module(package)
"""
_WORK = """from flair_landcover.engine.worker import main
sys.exit(main())
"""

# QGIS (its start scripts on Windows, its bundle on macOS) points these at its own Python, GDAL,
# PROJ and Qt; rasterio brings a GDAL and a PROJ of its own and breaks on another's data files.
# Settings that a user makes for GDAL (GDAL_CACHEMAX, GDAL_HTTP_PROXY, ...) stay.
_STRIPPED_PREFIXES = ("PYTHON", "QT_", "QGIS_", "DYLD_")
_STRIPPED_NAMES = (
    "__PYVENV_LAUNCHER__",
    "GDAL_DATA",
    "GDAL_DRIVER_PATH",
    "GDAL_PYTHON_DRIVER_PATH",
    "GEOTIFF_CSV",
    "OGR_DRIVER_PATH",
    "PROJ_DATA",
    "PROJ_LIB",
)

# Interpreters found able to run the engine, with the modification time that each had then.
_able: set[tuple[str, int]] = set()


@dataclass(frozen=True)
class Engine:
    """A Python that can run the engine.

    python: path of its interpreter.
    source: where the choice comes from, in words.
    """

    python: str
    source: str


def find_engine() -> Engine:
    """The Python to run the engine with.

    In this order: the environment variable FLAIR_LANDCOVER_PYTHON, the plugin's setting
    ``flair_landcover/python``, the managed environment under the QGIS profile, the Python that runs
    this if it holds everything already. A choice that was made and does not work is never skipped.

    Raises EngineNotFound, saying what to do.
    """
    for chosen, source in (
        (os.environ.get(PYTHON_VARIABLE, "").strip(), f"the environment variable {PYTHON_VARIABLE}"),
        (_python_setting(), f"the plugin's setting {PYTHON_SETTING}"),
    ):
        if chosen:
            return Engine(_checked(_interpreter(chosen), source), source)
    managed = managed_folder()
    if managed is not None and managed.is_dir():
        source = f"the plugin's own environment {managed}"
        return Engine(_checked(environment_python(managed), source), source)
    own = _own_python()
    if own is not None and _fault(own) is None:
        return Engine(str(own), "the Python that runs QGIS")
    raise EngineNotFound(
        "The engine that runs the network is not installed yet: install it in QGIS under Raster > FLAIR Land Cover > "
        "Engine or with the algorithm flair:engine, or name the Python of an environment of your own in "
        f"{PYTHON_VARIABLE}."
    )


def use_interpreter(chosen: str) -> Engine:
    """Makes `chosen` (an interpreter, an environment's folder, a program's name) the plugin's setting.

    "" takes the setting back and gives what is found then. The variable FLAIR_LANDCOVER_PYTHON comes before it.
    Raises EngineNotFound, saying why it cannot run the engine; the setting is then as it was. Outside QGIS, where
    there are no settings, it only checks.
    """
    if not chosen.strip():
        forget_interpreter()
        return find_engine()
    engine = Engine(_checked(_interpreter(chosen.strip()), "you"), f"the plugin's setting {PYTHON_SETTING}")
    try:
        from qgis.core import QgsSettings
    except ImportError:
        return engine
    QgsSettings().setValue(PYTHON_SETTING, engine.python)
    return engine


def forget_interpreter() -> str:
    """Takes back the interpreter that was chosen, which comes before the managed environment; what it was, or ""."""
    chosen = _python_setting()
    if chosen:
        from qgis.core import QgsSettings  # without QGIS there is no setting

        QgsSettings().remove(PYTHON_SETTING)
    return chosen


def managed_folder() -> Path | None:
    """The managed environment's folder in the QGIS profile (it may not exist); None outside QGIS."""
    try:
        from qgis.core import QgsApplication
    except ImportError:
        return None
    profile = QgsApplication.qgisSettingsDirPath()
    return Path(profile) / "flair_landcover" / "engine" if profile else None


def environment_python(folder: Path) -> Path:
    """The interpreter of the virtual environment in `folder`."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def package_folder() -> Path:
    """The folder that holds the package `flair_landcover`, whatever it is called on disk."""
    return Path(__file__).absolute().parent.parent


def worker_command(engine: Engine, folder: Path | None = None) -> list[str]:
    """Program and arguments that start the worker from the code in `folder` (default: this code)."""
    return engine_command(engine.python, _WORK, folder)


def engine_command(python: str, code: str, folder: Path | None = None) -> list[str]:
    """Program and arguments that run `code` in which `flair_landcover` is the code in `folder` (default: this)."""
    register = _REGISTER.format(folder=ascii(str(folder or package_folder())))
    return [python, *interpreter_options(), "-c", register + code]


def child_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables for the engine: `base` (default: ours) without what QGIS set for itself."""
    base = os.environ if base is None else base
    kept = {
        name: value
        for name, value in base.items()
        if name.upper() not in _STRIPPED_NAMES and not name.upper().startswith(_STRIPPED_PREFIXES)
    }
    return {**kept, "PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"}


def interpreter_options() -> list[str]:
    """The options that every interpreter of the engine is started with."""
    # Isolated: no module of the current folder or of the user's home can stand in for one of the
    # engine's. It ignores PYTHONUTF8 too, hence -X; the variables serve processes of the child.
    return ["-I", "-X", "utf8"]


def _python_setting() -> str:
    try:
        from qgis.core import QgsSettings
    except ImportError:
        return ""
    return str(QgsSettings().value(PYTHON_SETTING, "") or "").strip()


def _interpreter(chosen: str) -> Path:
    """The interpreter meant by a path, an environment's folder, or the bare name of a program."""
    if os.path.basename(chosen) == chosen:
        found = shutil.which(chosen)
        if found:
            return Path(found)
    # Not resolved: the interpreter of a virtual environment is a link, and the link matters.
    path = Path(chosen).expanduser().absolute()
    return environment_python(path) if path.is_dir() else path


def _own_python() -> Path | None:
    """The interpreter of the Python that runs this, where it holds the engine's modules.

    Not `sys.executable`: inside QGIS that is QGIS.
    """
    if any(importlib.util.find_spec(name) is None for name in REQUIRED_MODULES):
        return None
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if sys.platform == "win32":
        names = ("Scripts/python.exe", "python.exe", "python3.exe")
    else:
        names = (f"bin/python{version}", "bin/python3", "bin/python")
    for prefix in (sys.prefix, sys.base_prefix):
        for name in names:
            path = Path(prefix) / name
            if path.is_file():
                return path
    return None


def _checked(python: Path, source: str) -> str:
    fault = _fault(python)
    if fault is not None:
        raise EngineNotFound(f"The engine's Python, {python} (chosen by {source}), {fault}")
    return str(python)


# What `ask_interpreter` and whoever takes its answer apart may raise.
NO_ANSWER = (OSError, subprocess.SubprocessError, ValueError, IndexError, KeyError, TypeError)


def ask_interpreter(python: Path, code: str, *arguments: str) -> dict:
    """The JSON object in the last line that `code` prints in that interpreter, isolated from the user's modules.

    Raises one of NO_ANSWER where it does not run or prints something else.
    """
    done = subprocess.run(  # nosec B603 # an interpreter by its path, arguments of our own
        [str(python), *interpreter_options(), "-c", code, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=child_environment(),
        timeout=_CHECK_TIMEOUT_S,
        check=True,
        creationflags=NO_WINDOW,
    )
    return json.loads(done.stdout.decode("utf-8", "replace").splitlines()[-1])


def _fault(python: Path) -> str | None:
    """Why `python` cannot run the engine, as the end of a sentence; None where it can."""
    try:
        key = (str(python), python.stat().st_mtime_ns)
    except OSError:
        return "does not exist: correct it, or remove it so that the next choice is taken."
    # Only good answers are kept: what is missing may be installed a moment later.
    if key in _able:
        return None
    try:
        answer = ask_interpreter(python, _CHECK_CODE, *REQUIRED_MODULES)
        version, missing = tuple(answer["version"]), answer["missing"]
    except NO_ANSWER as error:
        return f"does not run as a Python ({_reason(error)}): name the interpreter of an environment that holds torch."
    if version < MINIMUM_PYTHON:
        return f"is Python {version[0]}.{version[1]}: name one of {MINIMUM_PYTHON[0]}.{MINIMUM_PYTHON[1]} or newer."
    if missing:
        return (
            f"lacks {' and '.join(missing)}: install the engine again in QGIS under Raster > FLAIR Land Cover > "
            f"Engine, or run `{python} -m pip install {package_folder()}`."
        )
    _able.add(key)
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()
        return said[-1] if said else f"it ended with status {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it did not answer within {_CHECK_TIMEOUT_S} seconds"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it did not answer as a Python does"
