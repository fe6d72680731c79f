"""The Python to make the engine's environment with: the one that QGIS ships, else another of the machine.

`sys.executable` is never asked: inside QGIS it is QGIS itself on Windows and macOS, and starting it opens a window.

Standard library only.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .environment import MINIMUM_PYTHON, NO_ANSWER, ask_interpreter
from .failures import BROKEN, NO_ENSUREPIP, PYTHON_TOO_OLD, SetupFailed, SetupFailure, failure

_ASK_CODE = """
import importlib.util, json, struct, sys
has = {name: importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip", "ssl")}
print(json.dumps({"version": list(sys.version_info[:3]), "bits": 8 * struct.calcsize("P"), "has": has}))
"""


@dataclass(frozen=True)
class BasePython:
    """An interpreter that an environment can be made with.

    python: its path; version: such as (3, 12, 1).
    """

    python: str
    version: tuple[int, ...]


def find_base_python(candidates: Sequence[Path] | None = None) -> BasePython:
    """The first interpreter that can make the engine's environment.

    candidates: instead of those of `base_candidates`.

    Raises SetupFailed: the reason why the first that answers at all cannot.
    """
    if candidates is None:
        candidates = base_candidates()
    reasons: list[SetupFailure] = []
    for path in candidates:
        found = ask_python(path)
        if isinstance(found, BasePython):
            return found
        reasons.append(found)
    # One that is too old or lacks ensurepip says more than one that does not start.
    telling = [reason for reason in reasons if reason.cause != BROKEN] or reasons
    if telling:
        raise SetupFailed(telling[0])
    raise SetupFailed(
        failure(
            PYTHON_TOO_OLD,
            "No Python was found to make the engine's environment with.",
            f"Install Python {MINIMUM_PYTHON[0]}.{MINIMUM_PYTHON[1] + 1} or newer from its installer, then try again.",
        )
    )


def ask_python(path: Path) -> BasePython | SetupFailure:
    """What the interpreter at `path` says of itself, or why no environment can be made with it."""
    try:
        answer = ask_interpreter(path, _ASK_CODE)
        version, bits, has = tuple(answer["version"]), answer["bits"], answer["has"]
    except NO_ANSWER as error:
        said = getattr(error, "stderr", b"") or b""
        return failure(
            BROKEN,
            f"The program {path} does not run as a Python.",
            "Install Python from its own installer, or repair QGIS, then try again.",
            said.decode("utf-8", "replace") or str(error),
        )
    written = ".".join(map(str, version))
    if version[:2] < MINIMUM_PYTHON or bits < 64:
        what = f"Python {written}" + (" of 32 bits" if bits < 64 else "")
        return failure(PYTHON_TOO_OLD, f"{path} is {what}, for which the packages are not made.")
    if not has["ensurepip"] or not has["venv"]:
        step = f"Run `sudo apt install python{version[0]}.{version[1]}-venv` in a terminal, then try again."
        if not sys.platform.startswith("linux"):
            step = "Install Python from its own installer, then try again."
        return failure(NO_ENSUREPIP, f"{path} has no ensurepip, without which no environment can be made.", step)
    if not has["ssl"]:
        return failure(
            BROKEN,
            f"{path} has no ssl module, without which nothing can be fetched.",
            "Install a complete Python, then try again.",
        )
    return BasePython(str(path), version)


def base_candidates(
    platform: str = sys.platform,
    prefixes: Sequence[str] | None = None,
    version: tuple[int, int] | None = None,
    search_path: str | None = None,
) -> list[Path]:
    """Interpreters that exist here, that of QGIS first.

    platform: as `sys.platform`; prefixes: of the running Python, default `sys.base_prefix` and `sys.prefix`;
    version: of the running Python; search_path: as the variable PATH.
    """
    prefixes = list(dict.fromkeys(prefixes or (sys.base_prefix, sys.prefix)))
    version = version or sys.version_info[:2]
    found = [path for prefix in prefixes for path in _of_prefix(Path(prefix), platform, version)]
    if platform == "darwin":
        # Python's own installer and Homebrew. Not /usr/bin/python3: without Apple's developer tools it asks for them.
        versions = Path("/Library/Frameworks/Python.framework/Versions")
        found += sorted(versions.glob("3.*/bin/python3"), reverse=True)
        found += [Path("/opt/homebrew/bin/python3"), Path("/usr/local/bin/python3")]
    elif platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        if local:
            found += sorted((Path(local) / "Programs" / "Python").glob("Python3*/python.exe"), reverse=True)
    else:
        found.append(Path("/usr/bin/python3"))
        on_path = shutil.which("python3", path=search_path)
        if on_path:
            found.append(Path(on_path))
    return [path for path in dict.fromkeys(found) if path.is_file()]


def _of_prefix(prefix: Path, platform: str, version: tuple[int, int]) -> list[Path]:
    """Where the interpreter of a running Python can be, from its prefix."""
    if platform == "win32":
        # OSGeo4W and the standalone installer: ROOT\apps\Python312 with python.exe, ROOT\bin with python3.exe.
        # An embedded one starts without PYTHONHOME only beside its library, so that comes first.
        root = prefix.parent.parent
        named = f"Python{version[0]}{version[1]}"
        folders = [prefix, root / "apps" / named, root / "bin", prefix / "apps" / named, prefix / "bin"]
        return [folder / name for folder in folders for name in ("python.exe", "python3.exe")]
    names = (f"python{version[0]}.{version[1]}", "python3", "python")
    folders = [prefix / "bin"]
    if platform == "darwin":
        # Inside QGIS.app the prefix is Contents/MacOS, Contents/Resources/python or a folder of Contents/Frameworks,
        # by the version of QGIS; the interpreter lies in Contents/MacOS or its folder bin.
        contents = next((each for each in (prefix, *prefix.parents) if each.name == "Contents"), None)
        if contents is not None:
            folders += [contents / "MacOS" / "bin", contents / "MacOS", contents / "Frameworks" / "bin"]
    return [folder / name for folder in folders for name in names]
