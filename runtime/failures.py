"""Why the engine's environment could not be made: a short list of causes, each with what to do next.

Standard library only.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .blanking import blank_user
from .errors import EngineError

NO_NETWORK = "no_network"
PROXY_PASSWORD = "proxy_password"  # nosec B105 # pragma: allowlist secret # the name of a cause
CERTIFICATE = "certificate"
DISK_FULL = "disk_full"
NO_PERMISSION = "no_permission"
PATH_TOO_LONG = "path_too_long"
FILE_HELD = "file_held"
PYTHON_TOO_OLD = "python_too_old"
NO_WHEEL = "no_wheel"
CLASH = "clash"
NO_ENSUREPIP = "no_ensurepip"
BROKEN = "broken"
CANCELLED = "cancelled"
UNKNOWN = "unknown"

# cause: (what is wrong, what to do next)
_TEXTS = {
    NO_NETWORK: (
        "The server with the packages cannot be reached.",
        "Check the connection and QGIS's proxy settings, then try again, or install from a folder of wheels; "
        "packages that came through are not fetched again.",
    ),
    PROXY_PASSWORD: (
        "The proxy asks for a user name and a password.",
        "Enter both in QGIS under Settings > Options > Network, then try again.",
    ),
    CERTIFICATE: (
        "The certificate of the server with the packages is not trusted.",
        "Add the certificate of your organisation in QGIS under Settings > Options > Authentication, then try again.",
    ),
    DISK_FULL: ("The disk is full.", "Free some space on that disk, then try again."),
    NO_PERMISSION: (
        "The folder of the environment cannot be written.",
        "Allow your user to write into it, or remove a file that stands in its place, then try again.",
    ),
    PATH_TOO_LONG: (
        "A file of the packages has a longer path than this computer takes.",
        "Switch on long paths in Windows (LongPathsEnabled, which an administrator can set), then try again.",
    ),
    FILE_HELD: (
        "Another program, most often an antivirus, holds a file of the environment.",
        "Wait a minute or exempt the folder in the antivirus, close other QGIS windows, then try again.",
    ),
    PYTHON_TOO_OLD: (
        "The Python that QGIS brings is none that the packages run with.",
        "Update QGIS, or install a Python that torch is made for beside it: on Linux and macOS it is found by itself.",
    ),
    NO_WHEEL: (
        "A package is not to be had for this platform and Python.",
        "Add the package's wheel to the folder of wheels, or update QGIS to one with a newer Python of 64 bits.",
    ),
    CLASH: (
        "The packages that were found do not fit together.",
        "Take the versions that the plugin asks for: remove older ones from the folder of wheels, "
        "or take the address of another index of packages out of the settings.",
    ),
    NO_ENSUREPIP: (
        "The Python that QGIS brings has no ensurepip, without which no environment can be made.",
        "Run `sudo apt install python3-venv` in a terminal, then try again.",
    ),
    BROKEN: (
        "The environment is there, and the engine does not work in it.",
        "Repair the environment; if that does not help, copy the report and send it.",
    ),
    CANCELLED: ("The installation was cancelled; nothing was left behind.", "Start it again whenever you like."),
    UNKNOWN: ("The environment could not be made.", "Copy the report, which holds pip's last lines, and send it."),
}
CAUSES = tuple(_TEXTS)

_LAST_LINES = 20

# Looked for in this order: what comes first explains what comes after it (a full disk looks like a broken
# download, and an index that nobody could ask like one without the package). Windows translates its sentences,
# so its errors are known by their numbers.
_SIGNS = (
    # winerror.h: 39 ERROR_HANDLE_DISK_FULL, 112 ERROR_DISK_FULL
    (DISK_FULL, r"No space left on device|Errno 28\b|Disk quota exceeded|Errno 122\b|WinError (?:39|112)\b"),
    # 206 ERROR_FILENAME_EXCED_RANGE; pip's own hint where a file of a wheel cannot be written
    (PATH_TOO_LONG, r"WinError 206\b|Errno 36\b|Errno 63\b|File ?name too long|Long Path support"),
    # 5 ERROR_ACCESS_DENIED: the folder was made a moment ago by the same user; 32 ERROR_SHARING_VIOLATION,
    # 33 ERROR_LOCK_VIOLATION, 225 ERROR_VIRUS_INFECTED
    (FILE_HELD, r"WinError (?:5|32|33|225)\b"),
    (NO_PERMISSION, r"Permission denied|Errno 13\b|Read-only file system|Operation not permitted|Not a directory"),
    (NO_ENSUREPIP, r"ensurepip is not\s+available|No module named '?ensurepip"),
    (PROXY_PASSWORD, r"\b407\b.{0,40}Proxy|Proxy Authentication Required|(?:HTTP error|status code) 407\b"),
    (CERTIFICATE, r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLCertVerificationError"),
    # pip passes over it in silence but for a warning, and then finds nothing.
    (CERTIFICATE, r"is not a trusted or secure host"),
    (CLASH, r"ResolutionImpossible|conflicting dependencies|The conflict is caused by"),
    (PYTHON_TOO_OLD, r"requires? a different python|Python version .{0,20}is not supported|not in '[<>=]"),
    # A package that was refused for the platform although its server answered.
    (NO_WHEEL, r"from versions: (?!none)|is not a supported wheel on this platform"),
    (
        NO_NETWORK,
        r"NewConnectionError|Failed to establish a new connection|ProxyError|Connection refused|ConnectTimeout"
        r"|ReadTimeout|Read timed out|Connection reset|Connection aborted|RemoteDisconnected|IncompleteRead"
        r"|getaddrinfo failed|name resolution|Name or service not known|nodename nor servname"
        r"|Network is unreachable|No route to host|too many 5\d\d error|Could not fetch URL|SSLError|EOF occurred",
    ),
    (NO_WHEEL, r"No matching distribution found|Could not find a version that satisfies"),
)

_DISK_ERRORS = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_PERMISSION_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
_HELD_WINDOWS_ERRORS = {32, 33, 225}


@dataclass(frozen=True)
class SetupFailure:
    """Why an environment could not be made, repaired, removed or used.

    cause: one of `CAUSES`.
    sentence: what is wrong; next_step: what to do. One sentence each, for the user.
    lines: the last lines of the program that failed, without user names and credentials; may be empty.
    """

    cause: str
    sentence: str
    next_step: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.sentence} {self.next_step}"


class SetupFailed(EngineError):
    """The environment could not be made, repaired or removed; what was there before is still there.

    failure: the cause. The error's text is its sentence and next step, `detail` its lines.
    """

    def __init__(self, failure: SetupFailure) -> None:
        super().__init__(str(failure), "\n".join(failure.lines))
        self.failure = failure


def failure(cause: str, sentence: str = "", next_step: str = "", output: str | Sequence[str] = ()) -> SetupFailure:
    """A failure of that cause, in its usual words where none are given.

    output: of the program that failed, as text or lines; its end is kept.
    """
    usual = _TEXTS[cause]
    lines = output.splitlines() if isinstance(output, str) else [line.rstrip() for line in output]
    kept = tuple(blank_user(line) for line in [line for line in lines if line.strip()][-_LAST_LINES:])
    return SetupFailure(cause, sentence or usual[0], next_step or usual[1], kept)


def explain(output: str, status: int, log: str = "") -> SetupFailure:
    """The failure that the output of pip or venv tells of.

    output: standard output and error; status: the exit status, negative for a signal on POSIX; log: more of pip's
    own log, which tells why an index did not answer.
    """
    everything = f"{output}\n{log}"
    for cause, sign in _SIGNS:
        found = re.search(sign, everything, re.IGNORECASE)
        if found:
            return failure(cause, _particular(cause, everything), _particular_step(cause, everything), output)
    if status < 0:
        return failure(UNKNOWN, f"The installation was ended from outside (signal {-status}).", output=output)
    return failure(UNKNOWN, f"The installation ended with status {status}.", output=output)


def explain_os_error(error: OSError, folder: str | os.PathLike) -> SetupFailure:
    """The failure behind an error of the file system at `folder`."""
    said = f"{error.strerror or error}"
    if error.errno in _DISK_ERRORS or getattr(error, "winerror", None) in (39, 112):
        return failure(DISK_FULL, f"The disk that holds {folder} is full.", output=said)
    if getattr(error, "winerror", None) in _HELD_WINDOWS_ERRORS:
        return failure(FILE_HELD, output=said)
    if error.errno in _PERMISSION_ERRORS:
        return failure(NO_PERMISSION, f"The folder {folder} cannot be written ({said}).", output=said)
    return failure(UNKNOWN, f"The folder {folder} cannot be used ({said}).", output=said)


def _particular(cause: str, output: str) -> str:
    """The cause's sentence with the name of the package that it is about; "" where none is known."""
    if cause == NO_WHEEL:
        found = re.search(r"(?:No matching distribution found for|satisfies the requirement) ([^\s;(]+)", output)
        if found:
            return f"The package {found[1].strip()} is not to be had for this platform and Python."
        found = re.search(r"ERROR: (\S+\.whl) is not a supported wheel", output)
        if found:
            return f"The wheel {os.path.basename(found[1])} is not for this platform and Python."
    if cause == CERTIFICATE and "not a trusted or secure host" in output:
        return "The address of the server with the packages is one without https, which pip does not use."
    if cause == CLASH:
        found = re.search(r"Cannot install (.+?) because", output)
        if found:
            return f"The packages that were found do not fit together: {' '.join(found[1].split())}."
    return ""


def _particular_step(cause: str, output: str) -> str:
    """What to do in this very case; "" for the usual."""
    if cause == CERTIFICATE and "not a trusted or secure host" in output:
        return "Write its address with https in the settings, then try again."
    if cause == NO_ENSUREPIP:
        found = re.search(r"apt(?:-get)? install (python3[\w.]*-venv)", output)
        if found:
            return f"Run `sudo apt install {found[1]}` in a terminal, then try again."
    return ""
