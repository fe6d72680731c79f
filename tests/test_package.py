"""The plugin's zip: what it holds, and that the plugin runs from it."""

from __future__ import annotations

import importlib.util
import subprocess
import zipfile
from pathlib import Path

import pytest

from flair_landcover.tests import rooms

_spec = importlib.util.spec_from_file_location("package", rooms.ROOT / ".ci" / "package.py")
assert _spec and _spec.loader
package = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(package)

pytestmark = pytest.mark.skipif(not (rooms.ROOT / ".git").exists(), reason="the zip is made of git's files")


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("dist") / "flair_landcover.zip"
    package.write_zip(path)
    return path


def names_in(packed: Path) -> list[str]:
    """The files of the zip, below the plugin's folder."""
    names = zipfile.ZipFile(packed).namelist()
    assert {name.partition("/")[0] for name in names} == {"flair_landcover"}
    return [name.partition("/")[2] for name in names]


def test_the_plugin_site_takes_the_zip(packed):
    assert packed.stat().st_size <= 25_000_000
    assert {"metadata.txt", "LICENSE", "__init__.py"} <= set(names_in(packed))


def test_it_holds_every_product_room_and_nothing_else(packed):
    names = names_in(packed)
    product = {m.as_posix() for m in rooms.modules() if not rooms.room_of(m).startswith("research")}
    assert {name for name in names if name.endswith(".py")} == product
    assert {name for name in names if not name.endswith(".py")} == {
        "LICENSE",
        "README.md",
        "metadata.txt",
        "models/bundled/card.json",
        "models/bundled/weights.safetensors",
        "processing/icon.svg",
        "pyproject.toml",
        "runtime/requirements.txt",
    }


def test_the_same_files_give_the_same_zip(packed, tmp_path):
    package.write_zip(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()


def test_pip_installs_the_rooms_of_the_zip_that_are_not_for_qgis_alone(packed):
    tomllib = pytest.importorskip("tomllib", reason="Python has it since 3.11")
    project = tomllib.loads((rooms.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    held = [Path(name) for name in names_in(packed)]
    folders = {path.parent for path in held if path.name == "__init__.py" and path.parts[0] not in package.QGIS_ROOMS}
    assert sorted(project["tool"]["setuptools"]["packages"]) == sorted(
        ".".join(("flair_landcover", *folder.parts)) for folder in folders
    )
    for pattern in project["tool"]["setuptools"]["package-data"]["flair_landcover"]:
        assert any(path.match(pattern) for path in held), pattern
    assert Path(project["project"]["readme"]) in held


def test_the_plugin_maps_from_the_zip(packed, tmp_path):
    pytest.importorskip("qgis.core", reason="needs QGIS's Python")
    from flair_landcover.tests import qgis_side

    program, python = qgis_side.qgis_process_program(), qgis_side.engine_python()
    if not program or not python:
        pytest.skip("needs qgis_process, and FLAIR_LANDCOVER_PYTHON for the engine")
    zipfile.ZipFile(packed).extractall(tmp_path / "installed")
    aerial = qgis_side.write_aerial(tmp_path / "aerial.tif")
    environment = qgis_side.qgis_environment(tmp_path, "profile", QGIS_PLUGINPATH=str(tmp_path / "installed"))
    for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):  # the one leads to the checkout
        environment.pop(name, None)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [program, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("plugins", "enable", "flair_landcover")
    assert "Land cover" in run("help", "flair:segment")
    run("run", "flair:segment", "--", f"INPUT={aerial}", f"OUTPUT={tmp_path / 'map.tif'}", "PRECISION=fp32")
    assert set(qgis_side.read_pixels(tmp_path / "map.tif").ravel()) <= set(range(1, 14))
    # Both Pythons have taken the modules of the zip.
    for room in ("processing", "inference"):
        assert (tmp_path / "installed" / "flair_landcover" / room / "__pycache__").is_dir(), room
