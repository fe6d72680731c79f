"""The details behind a message, as a report of a fault needs them.

In English whatever the user's language is: whoever mends the fault reads them. What names the user is blanked.
"""

from __future__ import annotations

import json
import platform
import traceback
from collections.abc import Sequence

from qgis.core import Qgis
from qgis.PyQt.QtCore import PYQT_VERSION_STR, QT_VERSION_STR, QSysInfo

from ...contract.image import ImageJob
from ...contract.notices import Notice, english, evidence_text
from ...contract.version import plugin_version
from ...layers.run_request import RunRequest
from ...runtime.blanking import blank_user

# A mask longer than this is told by its size: it may have thousands of corners.
_LONGEST_MASK = 1000


def details_text(
    request: RunRequest | ImageJob | None = None,
    error: BaseException | None = None,
    warnings: Sequence[Notice] = (),
    versions: dict | None = None,
) -> str:
    """Versions, settings, warnings, error and log as plain text, without the user's name and home folder.

    request: the run, or a job. versions: of the engine and its libraries, as it
    answers to `hello`; None where they are not known.
    """
    parts = ["\n".join([f"FLAIR Land Cover {plugin_version()}", *_host(), _engine(versions)])]
    if error is not None:
        parts.append(f"Error ({type(error).__name__})\n{error}")
    if warnings:
        parts.append("\n".join(["Warnings", *map(_with_evidence, warnings)]))
    if request is not None:
        parts.append(f"Settings\n{_settings(request)}")
    log = _log(error)
    if log:
        parts.append(f"Log\n{log}")
    return blank_user("\n\n".join(parts)) + "\n"


def _host() -> list[str]:
    return [
        f"QGIS {Qgis.version()}, Qt {QT_VERSION_STR}, PyQt {PYQT_VERSION_STR}, Python {platform.python_version()}",
        f"System {QSysInfo.prettyProductName()}, {QSysInfo.currentCpuArchitecture()}",
    ]


def _engine(versions: dict | None) -> str:
    if not versions:
        return "Engine has not answered yet"
    return "Engine " + ", ".join(f"{name} {version}" for name, version in versions.items())


def _with_evidence(warning: Notice) -> str:
    evidence = evidence_text(warning)
    return f"- {english(warning)} ({evidence})" if evidence else f"- {english(warning)}"


def _settings(request: RunRequest | ImageJob) -> str:
    job = request.job if isinstance(request, RunRequest) else request
    values = job.to_dict()
    mask = values.get("mask")
    if mask and len(json.dumps(mask)) > _LONGEST_MASK:
        values["mask"] = f"{len(mask)} polygons, {len(json.dumps(mask))} characters, left out here"
    text = json.dumps(values, indent=2, ensure_ascii=False, default=str)
    return f"{text}\n{request.tiles} tiles planned" if isinstance(request, RunRequest) and request.tiles else text


def _log(error: BaseException | None) -> str:
    if error is None:
        return ""
    detail = getattr(error, "detail", None)
    if detail is not None:
        return detail.strip()
    return "".join(traceback.format_exception(type(error), error, error.__traceback__)).strip()
