"""How late a timer of 20 ms on QGIS's main thread ever is while the dock maps the sample village.

Run as `make benchmark-window`. Starts a real QGIS window, draws a rectangle, maps it (tests/window/story.py).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from flair_landcover.tests.qgis_side import window_report


def main() -> None:
    """Prints the largest delay, and how often the timer came."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        report = window_report(Path(folder), "story")
    if report["errors"]:
        raise SystemExit(report["errors"][0])
    print(f"largest delay of the main thread: {report['lateness_ms']:.0f} ms in {report['turns']} turns of 20 ms")


if __name__ == "__main__":
    main()
