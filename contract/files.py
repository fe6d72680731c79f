"""Paths that cannot be files of an image, a series or a model. Standard library only."""

from __future__ import annotations

import os
import stat


def why_no_file(path: str) -> str:
    """Why a path that is there can be neither file nor folder, for the end of a sentence; "" where it can.

    A pipe would be waited for, for ever.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # not there, or no name: for others to say
        return ""
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return ""
    return "is a pipe or a device and no file: save what comes out of it as a file first"
