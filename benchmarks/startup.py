"""What the plugin adds to QGIS's start: its import and `initGui` in a real QGIS window, against an empty plugin.

Run as `make benchmark-startup`. Each turn is a QGIS of its own, so that every import is a first one.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from flair_landcover.tests.qgis_side import startup_report

TURNS = 5


def main() -> None:
    """Prints the median of the turns, and each of them."""
    added = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as base:
        for _ in range(TURNS):
            report = startup_report(Path(base))
            if report["errors"]:
                raise SystemExit(report["errors"][0])
            added.append(report["plugin_ms"] - report["empty_ms"])
    each = ", ".join(f"{ms:.0f}" for ms in added)
    print(f"the plugin adds {statistics.median(added):.0f} ms to QGIS's start (of {TURNS} turns: {each} ms)")


if __name__ == "__main__":
    main()
