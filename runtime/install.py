"""Makes, repairs and removes the engine's own environment.

Everything is made in a folder beside the final one, tried there with a real prediction, and renamed: the final name
holds a whole environment or what was there before. A virtual environment's scripts (``bin/pip``, ``activate``) hold
the path that it was made at, so nothing here or elsewhere starts them: the interpreter, which finds its packages from
where it lies, is started with ``-m`` or ``-c``.

What pip has fetched whole stays in its cache, so that another try after a cancel or a broken connection fetches the
rest. Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .environment import child_environment, environment_python, interpreter_options
from .errors import CancelledError
from .failures import (
    BROKEN,
    CANCELLED,
    DISK_FULL,
    FILE_HELD,
    NO_PERMISSION,
    SetupFailed,
    explain,
    explain_os_error,
    failure,
)
from .interpreters import BasePython, find_base_python
from .network import Network, Source
from .pip_progress import PipProgress
from .processes import Finished, run_lines
from .verify import verify_prediction

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
RECORD_NAME = "flair_landcover.json"

# Measured on Linux: an environment for the processor takes 1.6 GB (torch 2.13), its wheels are about 0.45 GB, which
# lie beside it until the end; one for CUDA takes 5.8 GB (torch 2.15), its wheels about 2.7 GB.
NEEDED_BYTES = 2_000_000_000
NEEDED_CUDA_BYTES = 8_500_000_000

# Shares of the whole at which each stage ends.
_MADE, _INSTALLED, _VERIFIED = 0.05, 0.90, 0.99
_LEFTOVER_S = 21_600.0  # a folder of a program that was killed: no installation takes six hours
_HELD_S = 20.0  # an antivirus looks at new files for seconds
_LOG_BYTES = 2_000_000
# Settings of the user's pip that would put the packages elsewhere, or build them.
_FOREIGN = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_NO_BINARY", "PIP_PYTHON", "PIP_DRY_RUN", "PIP_REQUIREMENT")

# Where torch would be looked for beside the one index that is named for it.
_OTHER_INDEXES = ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS")

OnProgress = Callable[[float, str], None]
IsCancelled = Callable[[], bool]
# python, a folder for its files, is_cancelled: raises SetupFailed where the engine does not work.
Verify = Callable[[str, Path, IsCancelled], None]


@dataclass(frozen=True)
class Installed:
    """An environment that works.

    folder: where it is; python: its interpreter; seconds: that all took.
    """

    folder: Path
    python: str
    seconds: float


@dataclass(frozen=True)
class _Place:
    """The working folder beside the final one, on the same disk."""

    work: Path

    @property
    def new(self) -> Path:
        return self.work / "env"

    @property
    def old(self) -> Path:
        return self.work / "old"

    @property
    def temporary(self) -> Path:
        return self.work / "tmp"


def create_environment(
    folder: Path,
    source: Source | None = None,
    network: Network | None = None,
    base: BasePython | None = None,
    on_progress: OnProgress | None = None,
    is_cancelled: IsCancelled | None = None,
    verify: Verify = verify_prediction,
    requirements: Path = REQUIREMENTS,
    needed_bytes: int | None = None,
) -> Installed:
    """Makes the environment `folder`, or makes it anew where it is there already, which also repairs it.

    An environment that is there stays until the new one works. On Windows no worker may run in it meanwhile: close
    the shared client first.

    base: the Python to make it with, default `find_base_python`. on_progress(0..1, message), is_cancelled() about
    ten times a second; both are called in the calling thread. verify: tries the finished environment.
    requirements: what to install, in pip's format. needed_bytes: free bytes without which nothing is begun; None:
    `needed_for` the source.

    Raises SetupFailed (a cancel included); `folder` is then as it was and nothing is left beside it.
    """
    folder = Path(folder).absolute()
    source, network = source or Source(), network or Network()
    tell, cancelled = on_progress or (lambda fraction, message: None), is_cancelled or (lambda: False)
    start = time.monotonic()
    try:
        _refuse_foreign(folder)
        tell(0.0, "Looking for a Python to make the environment with")
        base = base or find_base_python()
        if source.wheels is not None and not source.wheels.is_dir():
            raise SetupFailed(
                failure(
                    NO_PERMISSION,
                    f"The folder of wheels {source.wheels} does not exist.",
                    "Choose the folder that the wheels are in, then try again.",
                )
            )
        with _working_folder(folder) as place:
            _require_space(folder.parent, needed_for(source) if needed_bytes is None else needed_bytes)
            tell(0.01, "Making the environment")
            _make_venv(base, place, cancelled)
            python = str(environment_python(place.new))
            _install(python, place, source, network, requirements, tell, cancelled)
            tell(_INSTALLED, "Trying the engine on a small picture")
            verify(python, place.temporary, cancelled)
            _write_record(place.new, base, requirements)
            tell(_VERIFIED, "Putting the environment in its place")
            _check_cancelled(cancelled)
            _swap_in(place, folder)
    except CancelledError:
        raise SetupFailed(failure(CANCELLED)) from None
    except OSError as error:
        raise SetupFailed(explain_os_error(error, folder)) from error
    tell(1.0, "The environment is ready")
    return Installed(folder, str(environment_python(folder)), time.monotonic() - start)


def needed_for(source: Source, platform: str = sys.platform) -> int:
    """Free bytes that an installation needs, as far as it is known before.

    On Linux pip's usual torch is the build for CUDA. platform: as `sys.platform`.
    """
    usual = not source.torch_index and source.wheels is None
    return NEEDED_CUDA_BYTES if usual and platform == "linux" else NEEDED_BYTES


def remove_environment(folder: Path) -> None:
    """Removes an environment; one that is not there is no error. No worker may run in it: close the shared client.

    Under its name it is there whole or not at all, whatever happens on the way.
    Raises SetupFailed where the folder is no environment or cannot be removed.
    """
    folder = Path(folder).absolute()
    if not os.path.lexists(folder):
        return
    try:
        _refuse_foreign(folder)
        with _working_folder(folder) as place:
            _rename(folder, place.old)
    except OSError as error:
        raise SetupFailed(explain_os_error(error, folder)) from error


def is_outdated(folder: Path, requirements: Path = REQUIREMENTS) -> bool:
    """Whether the environment was made for other requirements than those of this version of the plugin.

    One that holds no record of how it was made is outdated.
    """
    try:
        record = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))
        return record["requirements"] != _digest(requirements)
    except (OSError, ValueError, KeyError, TypeError):
        return True


def install_packages(
    python: str,
    work: Path,
    arguments: list[str],
    variables: dict[str, str],
    on_progress: OnProgress,
    is_cancelled: IsCancelled,
    isolated: bool = False,
) -> None:
    """Runs ``pip install`` of the interpreter `python` with `arguments`.

    work: an existing folder for what pip keeps meanwhile. variables: for pip beside the usual ones. isolated: the
    user's settings of pip do not count.
    Raises SetupFailed, CancelledError, OSError.
    """
    log = work / "pip.log"
    # Sources are never built: that needs compilers, takes long, and runs code of the package while installing.
    command = [
        *(python, *interpreter_options(), "-m", "pip", *(["--isolated"] if isolated else [])),
        *("--no-input", "--disable-pip-version-check", "--no-color", "--log", str(log)),
        *("install", "--only-binary", ":all:", "--progress-bar", "off", "--no-warn-script-location", *arguments),
    ]
    if isolated:
        # The one file that --isolated reads all the same; the null device also stands for "no files at all".
        variables = {**variables, "PIP_CONFIG_FILE": os.devnull}
    progress = PipProgress(work, on_progress, lambda: _packages_in(python))
    done = run_lines(command, _pip_variables(work, variables), progress.line, is_cancelled, progress.tick)
    if done.status != 0:
        raise SetupFailed(explain(done.output, done.status or 0, _telling_lines(log)))


def _install(
    python: str,
    place: _Place,
    source: Source,
    network: Network,
    requirements: Path,
    tell: OnProgress,
    cancelled: IsCancelled,
) -> None:
    variables = _network_variables(python, place, network, cancelled)
    span = _INSTALLED - _MADE
    if source.wheels is not None:
        arguments = ["--no-index", "--find-links", str(source.wheels.absolute()), "-r", str(requirements)]
        install_packages(
            python,
            place.temporary,
            arguments,
            variables,
            lambda share, message: tell(_MADE + span * share, message),
            cancelled,
            isolated=True,
        )
        return
    # In the variables, not on the command line, which other users of the machine can read.
    usual = {**variables, **({"PIP_INDEX_URL": source.index} if source.index else {})}
    calls = [(["-r", str(requirements)], usual)]
    if source.torch_index:
        # First and from there alone: from several indexes pip takes the newest version, of whatever build.
        # torchvision with it, whose build then fits; segmentation-models-pytorch asks for it.
        torch = (
            [*_requirements_of("torch", requirements), "torchvision"],
            {**variables, **dict.fromkeys(_OTHER_INDEXES, ""), "PIP_INDEX_URL": source.torch_index},
        )
        calls.insert(0, torch)
    for number, (arguments, settings) in enumerate(calls):

        def part(share: float, message: str, number: int = number) -> None:
            tell(_MADE + span * (number + share) / len(calls), message)

        install_packages(python, place.temporary, arguments, settings, part, cancelled)


def _make_venv(base: BasePython, place: _Place, cancelled: IsCancelled) -> None:
    # Not --copies: a copied interpreter of macOS's framework does not find its library.
    command = [base.python, *interpreter_options(), "-m", "venv", str(place.new)]
    done = run_lines(command, _with_temporary(child_environment(), place.temporary), is_cancelled=cancelled)
    if done.status != 0 or not environment_python(place.new).exists():
        raise SetupFailed(explain(done.output, done.status or 0))


def _packages_in(python: str) -> int:
    """How many packages the environment of an interpreter holds: each has its folder once it is whole."""
    folder = Path(python).parent.parent
    return sum(1 for pattern in ("lib/python*", "Lib") for _ in folder.glob(f"{pattern}/site-packages/*.dist-info"))


def _pip_variables(work: Path, variables: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in child_environment().items() if name.upper() not in _FOREIGN}
    # PIP_USER: a pip.ini that asks for installations into the home folder is an error inside an environment.
    return {**_with_temporary(kept, work), "PIP_USER": "0", "PIP_NO_INPUT": "1", **variables}


def _with_temporary(variables: dict[str, str], folder: Path) -> dict[str, str]:
    """The variables with `folder` for temporary files: on the disk that was found to have room, and removed with it."""
    return {**variables, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))}


def _network_variables(python: str, place: _Place, network: Network, cancelled: IsCancelled) -> dict[str, str]:
    variables = {}
    if network.proxy:
        variables["PIP_PROXY"] = network.proxy
    if network.certificates:
        # pip takes one file of certificates instead of its own, so that file holds both.
        where = "from pip._vendor import certifi; print(certifi.where())"
        done = run_lines([python, *interpreter_options(), "-c", where], child_environment(), is_cancelled=cancelled)
        bundle = place.temporary / "certificates.pem"
        known = b""
        if done.status == 0 and done.output.strip():
            with contextlib.suppress(OSError):
                known = Path(done.output.splitlines()[-1]).read_bytes()
        bundle.write_bytes(known + b"\n" + network.certificates.encode("ascii", "ignore") + b"\n")
        variables["PIP_CERT"] = str(bundle)
    return variables


def _requirements_of(name: str, requirements: Path) -> list[str]:
    """The lines of the requirements that are about the package `name`, one for each platform, without comments."""
    lines = [line.split(" #")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if re.match(rf"{re.escape(name)}(?![\w.-])", line)] or [name]


def _telling_lines(log: Path) -> str:
    """Lines of pip's log that say why an index did not answer; pip shows them nowhere else."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(line for line in text.splitlines() if "Could not fetch URL" in line)


@contextlib.contextmanager
def _working_folder(folder: Path):
    """A new folder beside `folder`, removed at the end with all that is in it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    place = _Place(Path(tempfile.mkdtemp(prefix=_prefix(folder), dir=folder.parent)))
    try:
        place.temporary.mkdir()
        yield place
    finally:
        _remove(place.work)


def _prefix(folder: Path) -> str:
    return f".{folder.name}-"


def _remove_leftovers(folder: Path) -> None:
    """Removes working folders of programs that were killed; younger ones may be another window's."""
    oldest = time.time() - _LEFTOVER_S
    for path in folder.parent.glob(f"{_prefix(folder)}*"):
        with contextlib.suppress(OSError):
            if path.is_dir() and path.stat().st_mtime < oldest:
                _remove(path)


def _remove(folder: Path) -> None:
    """Removes a working folder; on Windows an antivirus, or a program that just ended, may hold a file for a moment."""
    deadline = time.monotonic() + (_HELD_S if sys.platform == "win32" else 1.0)
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > deadline:
            return
        if folder.exists():
            time.sleep(0.2)


def _rename(one: Path, other: Path) -> None:
    deadline = time.monotonic() + _HELD_S
    while True:
        try:
            os.rename(one, other)
            return
        except PermissionError as error:
            if sys.platform != "win32":
                raise
            if time.monotonic() > deadline:
                raise SetupFailed(failure(FILE_HELD, output=str(error))) from error
            time.sleep(0.5)


def _swap_in(place: _Place, folder: Path) -> None:
    """The new environment under the final name, or the old one again where it does not start there."""
    had = os.path.lexists(folder)
    if had:
        _rename(folder, place.old)
    try:
        _rename(place.new, folder)
        done = _pip_version(folder)
        if done.status != 0:
            _rename(folder, place.new)
            raise SetupFailed(
                failure(BROKEN, "The new environment does not start in its final place.", output=done.output)
            )
    except BaseException:
        if had and not os.path.lexists(folder):
            try:
                _rename(place.old, folder)
            except (OSError, SetupFailed) as error:
                # Beside the working folder, which is removed: it is the only one that there is.
                saved = place.work.with_name(f"{folder.name}-before")
                os.rename(place.old, saved)
                raise SetupFailed(
                    failure(
                        FILE_HELD,
                        f"The environment could not be put in its place; the one from before is in {saved}.",
                        f"Close other QGIS windows, then rename it to {folder.name}, or install again.",
                    )
                ) from error
        raise


def _pip_version(folder: Path) -> Finished:
    command = [str(environment_python(folder)), *interpreter_options(), "-m", "pip", "--version"]
    return run_lines(command, child_environment(), timeout_s=120.0)


def _refuse_foreign(folder: Path) -> None:
    """Raises SetupFailed where something stands at `folder` that is no environment, and is not ours to remove."""
    if not os.path.lexists(folder):
        return
    if folder.is_dir():
        if any((folder / name).exists() for name in ("pyvenv.cfg", RECORD_NAME)) or not any(folder.iterdir()):
            return
        what = f"The folder {folder} holds something else than the engine's environment."
    else:
        what = f"There is a file in the place of the folder {folder}."
    raise SetupFailed(failure(NO_PERMISSION, what, "Move it elsewhere, then try again."))


def _require_space(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        sentence = (
            f"The environment needs {needed_bytes / 1e9:.1f} GB, and the disk that holds {folder} has "
            f"{free / 1e9:.1f} GB free."
        )
        raise SetupFailed(failure(DISK_FULL, sentence))


def _check_cancelled(cancelled: IsCancelled) -> None:
    if cancelled():
        raise CancelledError("The installation was cancelled.")


def _write_record(folder: Path, base: BasePython, requirements: Path) -> None:
    record = {
        "requirements": _digest(requirements),
        "python": ".".join(map(str, base.version)),
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    (folder / RECORD_NAME).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _digest(requirements: Path) -> str:
    return "sha256:" + hashlib.sha256(requirements.read_bytes()).hexdigest()
