"""A text about the environment that a user can copy and show to others.

Standard library only.
"""

from __future__ import annotations

import platform
import sys

from .blanking import blank_user
from .examine import Examination
from .failures import SetupFailure


def copyable_report(
    examination: Examination | None = None, failure: SetupFailure | None = None, notes: tuple[str, ...] = ()
) -> str:
    """What is known, a line each, without user names and credentials."""
    lines = [f"System: {platform.platform()}", f"Python of QGIS: {sys.version.split()[0]} in {sys.prefix}"]
    if examination is not None:
        lines += _examined(examination)
    fault = failure or (examination.failure if examination is not None else None)
    if fault is not None:
        lines += [f"Failure ({fault.cause}): {fault.sentence}", f"Next: {fault.next_step}", *fault.lines]
    return blank_user("\n".join([*lines, *notes])) + "\n"


def _examined(examination: Examination) -> list[str]:
    lines = [f"Engine: {examination.python}, Python {examination.python_version}, {examination.machine}"]
    lines += [f"  {name} {version or 'missing'}" for name, version in examination.versions.items()]
    if examination.instructions:
        lines.append(f"Instructions: {' '.join(examination.instructions)}")
    lines.append(f"CUDA build: {examination.cuda_build or 'no'}")
    for device in examination.devices:
        state = f"works ({device.seconds * 1000:.1f} ms)" if device.works else "does not work"
        lines.append(f"Device {device.id} ({device.name}): {state} {device.reason}".rstrip())
    lines.append(examination.device_sentence)
    return [*lines, *examination.notes]
