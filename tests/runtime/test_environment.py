from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flair_landcover.runtime import environment
from flair_landcover.runtime.environment import Engine, child_environment, find_engine, package_folder, worker_command
from flair_landcover.runtime.errors import EngineNotFound


def script(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def bare_python(path: Path) -> Path:
    """An interpreter without any package: -S leaves the folders of packages out."""
    return script(path, f'exec "{sys.executable}" -S "$@"')


def test_the_variable_names_the_engine(monkeypatch, engine_python):
    monkeypatch.setenv("FLAIR_LANDCOVER_PYTHON", engine_python)
    assert find_engine() == Engine(engine_python, "the environment variable FLAIR_LANDCOVER_PYTHON")


def test_the_variable_may_name_the_environments_folder(monkeypatch, engine_python):
    folder = Path(engine_python).parent.parent
    monkeypatch.setenv("FLAIR_LANDCOVER_PYTHON", str(folder))
    assert find_engine().python == str(folder / "bin" / "python")


def test_the_link_in_a_virtual_environment_is_kept(monkeypatch, engine_python, tmp_path):
    link = tmp_path / "mein Python é"
    link.symlink_to(engine_python)
    monkeypatch.setattr(environment, "_able", {(str(link), link.stat().st_mtime_ns)})
    monkeypatch.setenv("FLAIR_LANDCOVER_PYTHON", str(link))
    assert find_engine().python == str(link)


def test_a_missing_interpreter_is_named_and_not_skipped(monkeypatch, tmp_path):
    missing = tmp_path / "nowhere" / "python"
    monkeypatch.setenv("FLAIR_LANDCOVER_PYTHON", str(missing))
    with pytest.raises(EngineNotFound) as caught:
        find_engine()
    assert str(missing) in str(caught.value)
    assert "FLAIR_LANDCOVER_PYTHON" in str(caught.value)
    assert "does not exist" in str(caught.value)


def test_a_file_that_is_no_program_is_named(monkeypatch, tmp_path):
    text = tmp_path / "python"
    text.write_text("not a program")
    monkeypatch.setenv("FLAIR_LANDCOVER_PYTHON", str(text))
    with pytest.raises(EngineNotFound, match="does not run as a Python"):
        find_engine()


def test_another_program_is_not_taken_for_python(monkeypatch, tmp_path):
    monkeypatch.setenv("FLAIR_LANDCOVER_PYTHON", str(script(tmp_path / "python", "echo hello; exit 0")))
    with pytest.raises(EngineNotFound, match="did not answer"):
        find_engine()


def test_a_python_without_torch_is_told_what_it_lacks(monkeypatch, tmp_path):
    python = bare_python(tmp_path / "python")
    monkeypatch.setenv("FLAIR_LANDCOVER_PYTHON", str(python))
    with pytest.raises(EngineNotFound) as caught:
        find_engine()
    sentence = str(caught.value)
    assert "lacks torch and segmentation_models_pytorch and rasterio and safetensors" in sentence
    assert f"{python} -m pip install {package_folder()}" in sentence


def test_a_python_that_gets_what_it_lacked_is_looked_at_again(monkeypatch, tmp_path, engine_python):
    python = bare_python(tmp_path / "python")
    monkeypatch.setenv("FLAIR_LANDCOVER_PYTHON", str(python))
    with pytest.raises(EngineNotFound):
        find_engine()
    script(python, f'exec "{engine_python}" "$@"')
    assert find_engine().python == str(python)


def test_the_setting_comes_after_the_variable(monkeypatch, tmp_path, engine_python):
    monkeypatch.setattr(environment, "_python_setting", lambda: str(tmp_path / "gone"))
    monkeypatch.setenv("FLAIR_LANDCOVER_PYTHON", engine_python)
    assert find_engine().python == engine_python
    monkeypatch.delenv("FLAIR_LANDCOVER_PYTHON")
    with pytest.raises(EngineNotFound, match="setting flair_landcover/python"):
        find_engine()


def test_the_managed_environment_comes_after_the_setting(monkeypatch, tmp_path, engine_python):
    managed = tmp_path / "profile" / "flair_landcover" / "engine"
    managed.joinpath("bin").mkdir(parents=True)
    monkeypatch.delenv("FLAIR_LANDCOVER_PYTHON", raising=False)
    monkeypatch.setattr(environment, "managed_folder", lambda: managed)
    monkeypatch.setattr(environment, "_python_setting", lambda: engine_python)
    assert find_engine().python == engine_python
    monkeypatch.setattr(environment, "_python_setting", lambda: "")
    with pytest.raises(EngineNotFound, match="own environment"):
        find_engine()
    script(managed / "bin" / "python", f'exec "{engine_python}" "$@"')
    assert find_engine() == Engine(str(managed / "bin" / "python"), f"the plugin's own environment {managed}")


def find_in(command: list[str]) -> str:
    """What `find_engine` answers in another Python, with nothing chosen."""
    code = f"""
import importlib.util, sys, types
package = types.ModuleType("flair_landcover")
package.__path__ = [{str(package_folder())!r}]
sys.modules["flair_landcover"] = package
from flair_landcover.runtime import environment
environment._python_setting = lambda: ""
environment.managed_folder = lambda: None
sys.executable = "/usr/bin/qgis"
try:
    print(environment.find_engine())
except environment.EngineNotFound as error:
    print("not found:", error)
"""
    variables = {name: value for name, value in child_environment().items() if name != "FLAIR_LANDCOVER_PYTHON"}
    done = subprocess.run(
        [*command, "-c", code], env=variables, stdout=subprocess.PIPE, encoding="utf-8", check=True, timeout=120
    )
    return done.stdout


def test_where_there_is_none_the_sentence_says_what_to_do():
    said = find_in([sys.executable, "-S"])
    assert said.startswith("not found: The engine that runs the network is not installed yet")
    for remedy in ("Raster > FLAIR Land Cover > Engine", "flair:engine", "FLAIR_LANDCOVER_PYTHON"):
        assert remedy in said


def test_the_running_python_is_taken_where_it_holds_everything(engine_python):
    said = find_in([engine_python])
    assert f"python='{Path(engine_python).parent}" in said
    assert "/usr/bin/qgis" not in said


def output_of(code: str) -> str:
    """What `code` prints in a Python of its own that imports what this one does."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, encoding="utf-8", check=True, timeout=120)
    return done.stdout.strip()


def test_the_setting_is_read_from_qgis(tmp_path):
    pytest.importorskip("qgis.core", reason="needs QGIS's Python")
    code = f"""
from qgis.PyQt.QtCore import QCoreApplication, QSettings
QSettings.setDefaultFormat(QSettings.Format.IniFormat)
QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, {str(tmp_path)!r})
QCoreApplication.setOrganizationName("tests")
QCoreApplication.setApplicationName("tests")
from qgis.core import QgsSettings
from flair_landcover.runtime import environment
assert environment._python_setting() == ""
QgsSettings().setValue("flair_landcover/python", "/opt/é/bin/python ")
print(ascii(environment._python_setting()))
"""
    assert output_of(code) == ascii("/opt/é/bin/python")


def test_what_qgis_sets_for_itself_does_not_reach_the_engine():
    kept = child_environment(
        {
            "PYTHONHOME": "/qgis",
            "PYTHONPATH": "/qgis",
            "GDAL_DATA": "/qgis",
            "GDAL_DRIVER_PATH": "/qgis",
            "PROJ_LIB": "/qgis",
            "PROJ_DATA": "/qgis",
            "QT_PLUGIN_PATH": "/qgis",
            "QT_QPA_PLATFORM": "offscreen",
            "QGIS_PREFIX_PATH": "/qgis",
            "DYLD_LIBRARY_PATH": "/qgis",
            "PATH": "/bin",
            "HOME": "/home/é",
            "GDAL_CACHEMAX": "64",
            "CUDA_VISIBLE_DEVICES": "1",
            "FLAIR_LANDCOVER_MODELS": "/models",
        }
    )
    assert kept == {
        "PATH": "/bin",
        "HOME": "/home/é",
        "GDAL_CACHEMAX": "64",
        "CUDA_VISIBLE_DEVICES": "1",
        "FLAIR_LANDCOVER_MODELS": "/models",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUTF8": "1",
    }


def test_the_command_is_ascii_whatever_the_folder_is_called():
    command = worker_command(Engine("/bin/python", "a test"), Path('/été/日本\'s "plugin"'))
    assert command[0] == "/bin/python"
    assert command[-1].isascii()


def test_importing_the_runtime_leaves_torch_and_qgis_alone():
    code = (
        "import sys; from flair_landcover.contract import protocol; from flair_landcover.runtime import environment; "
        "print(sorted({'torch', 'rasterio', 'qgis', 'numpy'} & set(sys.modules)))"
    )
    assert output_of(code) == "[]"
