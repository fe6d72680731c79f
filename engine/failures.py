"""What is said of errors that nobody foresaw."""

from __future__ import annotations

import tempfile
import traceback


def failure_sentence(error: BaseException) -> str:
    """What went wrong and what to do, in one sentence for the user."""
    text = " ".join(str(error).split())
    low = text.lower()
    # torch says "out of memory" for CUDA and MPS in errors of several classes, all RuntimeErrors;
    # its CPU allocator raises a bare RuntimeError.
    if isinstance(error, RuntimeError) and "out of memory" in low:
        return "The graphics card ran out of memory: close other programs that use it, or choose the device cpu."
    if isinstance(error, MemoryError) or "defaultcpuallocator" in low:
        return "The computer ran out of memory: close other programs, or choose a smaller extent, then run again."
    if isinstance(error, ImportError):
        return f"The engine's Python environment is incomplete ({text}): install the plugin's folder into it with pip."
    said = f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
    return f"The engine failed ({said}): the details are in the log, please report them."


def logged(error: BaseException) -> str:
    """Writes an error's traceback into a log of its own, and says in one sentence what went wrong and where it is."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="flair_landcover-", suffix=".log", delete=False, encoding="utf-8", errors="replace"
        ) as file:
            file.write("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    except OSError:
        return failure_sentence(error)
    return failure_sentence(error).replace("in the log", f"in {file.name}")
