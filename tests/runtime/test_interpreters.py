"""Which Python the environment is made with, in the layouts of QGIS's installers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flair_landcover.runtime import failures
from flair_landcover.runtime.failures import SetupFailed, SetupFailure
from flair_landcover.runtime.interpreters import BasePython, ask_python, base_candidates, find_base_python


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def answering(path: Path, version: str = "[3, 12, 1]", bits: int = 64, ensurepip: str = "true") -> Path:
    """A program that answers as a Python would."""
    has = f'{{"venv": true, "ensurepip": {ensurepip}, "ssl": true}}'
    return script(path, f"""echo '{{"version": {version}, "bits": {bits}, "has": {has}}}'""")


@pytest.mark.parametrize("root", ["OSGeo4W", "QGIS 3.40.4"])
def test_on_windows_the_python_of_osgeo4w_or_of_the_standalone_installer_is_first(tmp_path, root):
    python = touch(tmp_path / root / "apps" / "Python312" / "python.exe")
    other = touch(tmp_path / root / "bin" / "python3.exe")
    touch(tmp_path / root / "bin" / "qgis-bin.exe")
    found = base_candidates("win32", [str(python.parent)], (3, 12))
    assert found[:2] == [python, other]


def test_on_windows_it_is_found_where_the_prefix_is_the_root(tmp_path):
    python = touch(tmp_path / "OSGeo4W" / "apps" / "Python39" / "python.exe")
    assert base_candidates("win32", [str(tmp_path / "OSGeo4W")], (3, 9))[0] == python


@pytest.mark.parametrize("prefix", ["MacOS", "Frameworks/Python.framework/Versions/3.12", "Resources/python"])
@pytest.mark.parametrize("place", ["MacOS/bin/python3", "MacOS/python3.12"])
def test_on_macos_it_is_the_python_inside_the_bundle(tmp_path, prefix, place):
    contents = tmp_path / "QGIS.app" / "Contents"
    touch(contents / "MacOS" / "QGIS")
    python = touch(contents / place)
    found = base_candidates("darwin", [str(contents / prefix)], (3, 12))
    assert found[0] == python
    assert Path("/usr/bin/python3") not in found  # it would ask to install developer tools


def test_on_linux_it_is_that_of_the_prefix(tmp_path):
    python = touch(tmp_path / "bin" / "python3.11")
    touch(tmp_path / "bin" / "qgis")
    assert base_candidates("linux", [str(tmp_path)], (3, 11), search_path="")[0] == python


def test_the_program_that_runs_this_is_never_asked(tmp_path, monkeypatch):
    """Inside QGIS sys.executable is QGIS: starting it opens a window."""
    trace = tmp_path / "started"
    qgis = script(tmp_path / "qgis-bin", f"touch {trace}")
    monkeypatch.setattr(sys, "executable", str(qgis))
    assert qgis not in base_candidates()
    find_base_python()
    assert not trace.exists()


def test_one_that_cannot_is_passed_over(tmp_path):
    broken, old = script(tmp_path / "broken", "exit 3"), answering(tmp_path / "old", "[3, 7, 9]")
    good = answering(tmp_path / "good")
    assert find_base_python(candidates=[broken, old, good]) == BasePython(str(good), (3, 12, 1))


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ({"version": "[3, 7, 9]"}, failures.PYTHON_TOO_OLD),
        ({"bits": 32}, failures.PYTHON_TOO_OLD),
        ({"ensurepip": "false"}, failures.NO_ENSUREPIP),
    ],
)
def test_the_reason_why_none_can_is_told(tmp_path, answer, cause):
    broken = script(tmp_path / "broken", "exit 3")
    with pytest.raises(SetupFailed) as caught:
        find_base_python(candidates=[broken, answering(tmp_path / "python", **answer)])
    assert caught.value.failure.cause == cause
    assert str(tmp_path / "python") in str(caught.value)


def test_one_that_does_not_start_is_told_of_where_there_is_no_other(tmp_path):
    with pytest.raises(SetupFailed, match="does not run as a Python"):
        find_base_python(candidates=[tmp_path / "nowhere"])


def test_where_there_is_none_at_all_the_sentence_says_what_to_install():
    with pytest.raises(SetupFailed, match=r"Install Python 3\.\d+ or newer"):
        find_base_python(candidates=[])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="takes a Linux Python apart")
def test_a_debian_python_without_ensurepip_gives_the_command_to_run(tmp_path):
    real = next(path for path in base_candidates() if isinstance(ask_python(path), BasePython))
    code = "import os, sys; print(sys.base_exec_prefix, os.path.dirname(os.__file__), *sys.version_info[:2])"
    said = subprocess.run([str(real), "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    _, library, major, minor = said.stdout.split()
    # A Python finds its library beside its own place: this one has everything but ensurepip.
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / f"python{major}.{minor}"
    shutil.copy(os.path.realpath(real), python)
    copy = tmp_path / "lib" / f"python{major}.{minor}"
    copy.mkdir(parents=True)
    for path in Path(library).iterdir():
        if path.name != "ensurepip":
            (copy / path.name).symlink_to(path)
    found = ask_python(python)
    assert isinstance(found, SetupFailure) and found.cause == failures.NO_ENSUREPIP, found
    assert f"`sudo apt install python{major}.{minor}-venv`" in found.next_step
