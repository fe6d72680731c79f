"""`flair:engine` from the command line of QGIS, in a profile without an engine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flair_landcover.runtime.environment import child_environment
from flair_landcover.tests import qgis_side
from flair_landcover.tests.runtime.wheels import write_engine_wheels

pytest.importorskip("osgeo.gdal", reason="needs QGIS's Python")


@pytest.fixture(scope="module")
def bare(program, tmp_path_factory):
    """Runs qgis_process with a profile of its own, in which no engine is known."""
    base = tmp_path_factory.mktemp("bare")
    environment = qgis_side.qgis_environment(base, "profile")
    environment.pop("FLAIR_LANDCOVER_PYTHON", None)
    environment = {name: value for name, value in environment.items() if not name.startswith("PIP_")}

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [program, *arguments],
            cwd=base,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=600,
        )

    enabled = run("plugins", "enable", "flair_landcover")
    assert enabled.returncode == 0, enabled.stdout + enabled.stderr
    run.profile = base / "profile"
    return run


def test_without_an_engine_a_map_is_refused_with_the_way_to_one(bare, aerial, tmp_path):
    done = bare("run", "flair:segment", "--", f"INPUT={aerial}", f"OUTPUT={tmp_path / 'map.tif'}")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "The engine that runs the network is not installed yet" in said and "flair:engine" in said
    assert "Traceback" not in said and not (tmp_path / "map.tif").exists()


def test_what_fails_on_the_way_is_one_sentence_and_leaves_nothing(bare, tmp_path):
    wheels = write_engine_wheels(tmp_path / "wheels", without="shapely")
    done = bare("run", "flair:engine", "--", "ACTION=install", f"WHEELS={wheels}")
    assert done.returncode == 1
    assert "The package shapely" in done.stdout + done.stderr
    assert not list(bare.profile.rglob("pyvenv.cfg"))


def test_removing_what_is_not_there_is_no_error(bare):
    done = bare("run", "flair:engine", "--", "ACTION=remove")
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_tells_versions_and_the_device_of_an_engine_that_is_there(bare):
    python = qgis_side.engine_python()
    if not python:
        pytest.skip("FLAIR_LANDCOVER_PYTHON does not name the Python of the engine's environment")
    done = bare("run", "flair:engine", "--", "ACTION=check", FLAIR_LANDCOVER_PYTHON=python)
    assert done.returncode == 0, done.stdout + done.stderr
    code = "import torch; print(torch.__version__)"
    version = subprocess.run(
        [python, "-I", "-c", code], env=child_environment(), capture_output=True, text=True, check=True, timeout=120
    ).stdout.strip()
    said = done.stdout + done.stderr
    assert f"torch {version}" in said and "Device cpu" in said
    assert f"PYTHON:\t{Path(python)}" in done.stdout and "DEVICE:\t" in done.stdout
